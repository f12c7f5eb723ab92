// DATA, RFC 5321 section 4.1.1.4.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::data() {
  if (!may_send_message()) co_return;
  if (refuses_for_recipients()) co_return co_await abandon_transaction();

  const Verdict verdict = co_await hooks_.predata(envelope_);
  if (!verdict.passes()) co_return refuse(Phase::predata, verdict);
  if (options_.enforce_sync && has_input() && !co_await check_sync()) co_return;

  if (!co_await open_message(MessageIntake::Kind::data)) co_return co_await abandon_transaction();
  if (verdict.text.empty())
    write_usual(Usual::enter_message);
  else
    write(configured_reply(verdict.text, reply::kEnterMessage));
  if (co_await receive_text()) co_await finish_message();
}

}  // namespace postern::smtp
