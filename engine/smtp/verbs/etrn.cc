// ETRN, RFC 1985. Refused unless a rule allows it.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

constexpr Reply kNotInTransaction{503, {5, 5, 1}, "ETRN is not permitted inside a transaction"};

}  // namespace

Task<void> Session::etrn() {
  if (in_transaction()) co_return complain(SessionEventKind::protocol_error, kNotInTransaction);
  const Verdict verdict = co_await hooks_.etrn(PeerView(command_.args));
  if (!verdict.passes()) co_return refuse(Phase::etrn, verdict);
  write(configured_reply(verdict.text, reply::kOk));
}

}  // namespace postern::smtp
