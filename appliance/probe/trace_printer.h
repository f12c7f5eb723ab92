// What ACLs do, and what would stand in the logs, as lines for people.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "appliance/ingress/acl_watcher.h"
#include "appliance/log/log_sink.h"

namespace postern::probe {

// Lines about ACLs begin with ">>> ", those of logs with "LOG: ", as with Exim's -bh. Everything in them is printable.
class TracePrinter final : public ingress::AclWatcher, public log::LogSink {
 public:
  // `print` gets whole lines, with their ends.
  explicit TracePrinter(std::function<void(std::string_view)> print) : print_(std::move(print)) {}

  void asks(acl::Phase phase, const acl::Acl& acl) override;
  void begins(const acl::Acl& acl, const acl::Statement& statement, unsigned depth) override;
  void did(const acl::StepTrace& step, unsigned depth) override;
  void judged(const acl::Acl& acl, const acl::Statement& statement, std::string_view result, unsigned depth) override;
  void ended(const acl::Acl& acl, const acl::AclOutcome& outcome, bool implicit, unsigned depth) override;
  void delay(std::int64_t ms) override;

  void write(log::Stream stream, std::string_view line) override;

 private:
  void say(unsigned depth, std::string_view text);

  std::function<void(std::string_view)> print_;
};

}  // namespace postern::probe
