// RSET, RFC 5321 section 4.1.1.5.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::rset() {
  tell_incomplete("RSET");
  co_await abandon_transaction();
  write(reply::kResetOk);
}

}  // namespace postern::smtp
