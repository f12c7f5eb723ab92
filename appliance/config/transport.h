// Transports as the configuration describes them: data. Immutable once loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/program.h"
#include "policy/routing/host_items.h"
#include "policy/routing/tls_hosts.h"

namespace postern::config {

// What the options of the smtp transport about signing say. Without any of the first three there is no DKIM.
struct DkimOptions {
  std::optional<expand::Program> domain;    // a list
  std::optional<expand::Program> selector;  // a list, made for each domain
  std::optional<expand::Program> private_key;
  std::optional<expand::Program> canon;
  std::optional<expand::Program> hash;
  std::optional<expand::Program> identity;
  std::optional<expand::Program> sign_headers;
  std::optional<expand::Program> strict;
  std::optional<expand::Program> timestamps;
  std::optional<expand::Program> arc_sign;

  [[nodiscard]] bool sign() const noexcept { return domain && selector && private_key; }
  [[nodiscard]] bool sign_or_seal() const noexcept { return sign() || arc_sign; }
};

// The smtp transport; and the lmtp transport, which has a socket in place of hosts.
struct SmtpTransport {
  bool lmtp = false;                 // speak LMTP: RFC 2033
  bool ignore_quota = false;         // in LMTP: store also what is beyond a recipient's quota, where the server can
  std::string socket;                // absolute path of a UNIX socket; empty: hosts
  std::vector<routing::Host> hosts;  // for addresses whose router named none, or for all with hosts_override
  bool hosts_override = false;
  bool hosts_randomize = false;
  std::uint16_t port = 25;            // for hosts that bring none
  std::vector<IpAddress> interfaces;  // to connect from: the first of the host's family; empty: the kernel chooses
  routing::TlsHosts tls;              // of callouts; deliveries are in clear
  bool requires_tls = false;          // hosts_require_tls is not empty
  bool allow_localhost = false;       // deliver to a host of `hosts` that is this one
  expand::Program helo_data;          // "$primary_hostname" unless set
  std::int64_t connect_timeout_s = 5 * 60;
  std::int64_t command_timeout_s = 5 * 60;
  std::int64_t data_timeout_s = 5 * 60;
  std::int64_t final_timeout_s = 10 * 60;
  std::uint32_t connection_max_messages = 500;  // 0: no limit
  std::uint32_t max_rcpt = 100;                 // recipients in one transaction; 0: no limit
  std::uint32_t batch_max = 0;                  // recipients for whom one copy is made, on its way to a socket; 0: no limit
  DkimOptions dkim;
};

// Delivery into a maildir.
struct AppendfileTransport {
  std::string directory;  // absolute
  bool create_directory = true;
  std::uint32_t directory_mode = 0700;
  std::uint32_t mode = 0600;
};

struct Transport {
  std::string name;
  std::variant<SmtpTransport, AppendfileTransport> driver;

  bool delivery_date_add = false;
  bool envelope_to_add = false;
  bool return_path_add = false;
  std::optional<expand::Program> headers_add;  // header lines, separated by \n
};

}  // namespace postern::config
