// NOOP, RFC 5321 section 4.1.1.9. Its argument means nothing.
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::noop() {
  write(reply::kOk);
  co_return;
}

}  // namespace postern::smtp
