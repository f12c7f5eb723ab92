// What an ACL asks of the world around it: implemented by whoever runs ACLs (a connection, a test).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/checks/message_checks.h"
#include "policy/acl/csa.h"
#include "policy/dnsbl/dnslists.h"
#include "policy/lists/facts.h"
#include "policy/ratelimit/rate_table.h"
#include "policy/routing/verify_address.h"

namespace postern::acl {

struct Acl;

// Of the main section.
struct AclSettings {
  bool return_error_details = false;  // smtp_return_error_details: the client is told what is wrong in a header
  bool dcc_direct_add_header = false;
  CsaSettings csa;
};

// One shard. What an ACL borrows from it stays while the ACL is asked.
class AclWorld {
 public:
  virtual ~AclWorld() = default;

  // An ACL by its name, or a text that is one. Null, and `why`.
  [[nodiscard]] virtual std::shared_ptr<const Acl> find_acl(std::string_view text, std::string& why) = 0;

  // Replies so far reach the client, which then waits. Ends early when the client has gone or the service stops.
  [[nodiscard]] virtual Task<void> delay(std::int64_t ms, bool flush) = 0;

  // The rate of a key: at once where this shard owns it; nothing: ask_rate() asks the shard that does. A shard that does not
  // answer leaves the question open: nothing.
  [[nodiscard]] virtual std::optional<ratelimit::Verdict> ask_rate_now(const ratelimit::Question& question) = 0;
  [[nodiscard]] virtual Task<std::optional<ratelimit::Verdict>> ask_rate(ratelimit::Question question) = 0;

  // What lists ask about, and verify = reverse_host_lookup: the names of the client are looked up once.
  [[nodiscard]] virtual lists::ListFacts& facts() = 0;
  // Null: there is no DNS here.
  [[nodiscard]] virtual dns::Resolver* resolver() = 0;
  [[nodiscard]] virtual dnsbl::ZoneTable& zones() = 0;
  // What ends waiting for the DNS.
  [[nodiscard]] virtual Wait wait() = 0;

  // Of the message. Null: there are none here.
  [[nodiscard]] virtual checks::MessageChecks* checks() { return nullptr; }
  [[nodiscard]] virtual AclSettings settings() const { return {}; }

  // Whether mail could go there: recipient, or sender (for bounces).
  [[nodiscard]] virtual Task<routing::AddressVerdict> verify_address(routing::VerifyRequest request) = 0;
  // Of the open transaction. Borrowed until the next call.
  [[nodiscard]] virtual std::span<const std::string_view> envelope_recipients() = 0;
  // The first name of a header field that is not printable ASCII; nothing: all are.
  [[nodiscard]] virtual std::optional<std::string> strange_header_name() = 0;
};

}  // namespace postern::acl
