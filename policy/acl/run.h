// Asking an ACL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"
#include "policy/acl/acl.h"
#include "policy/expand/evaluate.h"

namespace postern::acl {

enum class AclVerdict : std::uint8_t {
  accept,
  deny,
  defer,    // as written, or because something could not be expanded
  drop,     // deny, and close the connection
  discard,  // tell the peer yes, and send what was judged nowhere
};

struct [[nodiscard]] AclOutcome {
  AclVerdict verdict = AclVerdict::deny;
  // The text of `message`; empty: the built-in reply. It may begin with a reply code and an enhanced code ("550 5.7.1 no"),
  // and lines are separated by \n; the session sees to both.
  std::string message;
  // For the log line of a refusal; empty: `message` is logged.
  std::string log_message;
};

// Who hears what an ACL has to say beside its outcome.
class AclListener {
 public:
  virtual ~AclListener() = default;
  // A warn statement whose conditions were true: its log_message, for the main log ("Warning: ...").
  virtual void warning(std::string_view text) = 0;
  // A warn statement that could not be judged, and was passed over; for the main log (acl_warn_skipped).
  virtual void skipped(std::string_view text) = 0;
  // A text of the configuration could not be expanded, and the ACL went on without it; for the panic log.
  virtual void trouble(std::string_view text) = 0;
};

// What is judged. Everything is borrowed for the time of the call; fields that the phase does not know stay as they are.
struct AclSubject {
  const expand::EvalContext& variables;
  IpAddress client;
  std::string_view sender;      // "local_part@domain"; empty for the null reverse-path
  std::string_view recipient;   // likewise; of RCPT and VRFY
  std::string_view local_part;  // of the recipient, without quotes
  std::string_view domain;      // of the recipient
  AclListener* listener = nullptr;
};

// Statements in order until one decides; at the end, deny. Does not suspend. Allocates only for the texts it returns.
AclOutcome run(const Acl& acl, const AclSubject& subject);

}  // namespace postern::acl
