// QUIT, RFC 5321 section 4.1.1.10.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::quit() {
  tell_incomplete("QUIT");
  const Verdict verdict = co_await hooks_.quit();
  const std::string closing = named(reply::kClosingBehind);
  write(configured_reply(verdict.passes() ? std::string_view(verdict.text) : "", {221, {2, 0, 0}, closing}));
  hooks_.event({.kind = SessionEventKind::closed_by_quit});
  end(std::nullopt, kNoReply, false);
}

}  // namespace postern::smtp
