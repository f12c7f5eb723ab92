// EXPN, RFC 5321 section 4.1.1.7. Refused unless a rule allows it, and then the rule brings the answer.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::expn() {
  const Verdict verdict = co_await hooks_.expn(PeerView(command_.args));
  if (!verdict.passes()) co_return refuse(Phase::expn, verdict);
  write(configured_reply(verdict.text, reply::kOk));
}

}  // namespace postern::smtp
