// Delivery's lines of the main log, in Exim's form (docs of log tools know it): eximstats and exigrep read them.
//
//   <id> => <address> R=<router> T=<transport> H=<host> [<ip>] C="<what the host said>"     -> for further recipients
//   <id> => <local part> <<address>> R=<router> T=<transport>                               into a file, from an accept router
//   <id> => <local part> <<address>> R=<router> T=<transport> C="<what the server said>"    over a UNIX socket, likewise
//   <id> == <address> R=<router> T=<transport> defer (<number>): <error> H=<host> [<ip>]: <why>
//   <id> ** <address> R=<router> T=<transport> H=<host> [<ip>]: <why>
//   <id> H=<host> [<ip>] <error>                                                            a host that was passed over
//   <id> <= <> R=<id of the message returned> U=<user> P=local S=<bytes>                    a bounce
//   <id> Completed
//
// and what log_selector adds: F=<sender> and P=<return path> before R=, S=<bytes> behind T=, the port behind [<ip>], L for
// PIPELINING before K, QT=<time in the queue> and DT=<time of the delivery> at the end.
//
// Nothing a stranger sent reaches a line without printable().
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "appliance/config/log_selector.h"
#include "appliance/delivery/transports/outcome.h"
#include "appliance/log/log_line.h"

namespace postern::delivery {

// Who delivers, and to whom. Borrowed.
struct LineSubject {
  std::string_view id;       // of the message
  std::string_view address;  // of the recipient
  std::string_view router;   // empty: no router took the address
  std::string_view transport;
  bool local_style = false;      // name the recipient by its local part first
  std::string_view sender = {};  // of the message
  std::string_view return_path = {};
};

// In microseconds.
struct LineTimes {
  std::int64_t in_queue_us = 0;    // since the message began to arrive
  std::int64_t delivering_us = 0;  // since the attempt began
};

[[nodiscard]] log::LogLine delivered_line(const LineSubject& subject, const Delivered& delivered, bool is_first,
                                          const LineTimes& times, const config::LogSelectors& selectors);
// Nothing when log_selector does not want it.
[[nodiscard]] std::optional<log::LogLine> deferred_line(const LineSubject& subject, const Problem& problem,
                                                        const config::LogSelectors& selectors);
[[nodiscard]] log::LogLine failed_line(const LineSubject& subject, const Problem& problem,
                                       const config::LogSelectors& selectors);
[[nodiscard]] log::LogLine host_line(std::string_view id, const HostSeen& host, const Problem& problem,
                                     const config::LogSelectors& selectors);
// `target`: to whom the bounce goes.
[[nodiscard]] log::LogLine bounce_line(std::string_view id, std::string_view returned_id, std::string_view user,
                                       std::uint64_t bytes, std::string_view target, const config::LogSelectors& selectors);
[[nodiscard]] log::LogLine completed_line(std::string_view id, std::int64_t in_queue_us, const config::LogSelectors& selectors);

}  // namespace postern::delivery
