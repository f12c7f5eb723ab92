// What a list may ask of the world while it is matched. Whoever matches lists that ask (ItemList::asks) has one of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/coro/task.h"
#include "net/dns/host_names.h"
#include "policy/expand/eval_context.h"

namespace postern::lists {

class ListWorld;

// The addresses of a host, of both families.
struct HostAddresses {
  enum class Status : std::uint8_t { found, none, deferred };
  Status status = Status::none;
  std::vector<IpAddress> addresses = {};
  std::string why = {};  // when deferred, for logs
};

inline constexpr std::size_t kMailExchangersMax = 50;  // of one domain that are looked at, in order; more are left out

struct MailExchangers {
  enum class Status : std::uint8_t { found, none, deferred };
  struct Host {
    std::uint16_t preference = 0;
    HostAddresses addresses = {};
  };
  Status status = Status::none;  // of the domain's MX records
  std::vector<Host> hosts = {};  // by ascending preference
  std::string why = {};
};

// One client, one message, one shard. Each question has two forms: x_now answers at once where it can and gives nothing where
// the answer is to be waited for; x suspends until it is there. The defaults answer that it cannot be had: the list defers.
class ListFacts {
 public:
  virtual ~ListFacts() = default;

  // The named lists, and all else that lists which are expanded when they are used refer to. Null: they defer.
  [[nodiscard]] virtual const ListWorld* world() const noexcept { return nullptr; }
  // The variables of such lists. Its services() answer lookups and read files. Null: lists that want them defer.
  [[nodiscard]] virtual const expand::EvalContext* context() const noexcept { return nullptr; }

  // The names of the host that is asked about ($sender_host_name and its aliases). `deferred` counts as having none, as Exim
  // has it.
  [[nodiscard]] virtual std::optional<dns::HostNames> host_names_now();
  [[nodiscard]] virtual Task<dns::HostNames> host_names();

  [[nodiscard]] virtual std::optional<HostAddresses> addresses_now(std::string_view host);
  [[nodiscard]] virtual Task<HostAddresses> addresses(std::string host);

  [[nodiscard]] virtual std::optional<MailExchangers> mail_exchangers_now(std::string_view domain);
  [[nodiscard]] virtual Task<MailExchangers> mail_exchangers(std::string domain);
};

}  // namespace postern::lists
