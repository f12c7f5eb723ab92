// HELP, RFC 5321 section 4.1.1.8.
#include <string>

#include "engine/smtp/session.h"

namespace postern::smtp {

Task<void> Session::help() {
  std::string text = "Commands supported:\nHELO EHLO MAIL RCPT DATA BDAT NOOP QUIT RSET HELP";
  const EhloKeywords& keywords = options_.keywords;
  if (keywords.has(EhloKeyword::etrn)) text += " ETRN";
  if (keywords.has(EhloKeyword::expn)) text += " EXPN";
  if (keywords.has(EhloKeyword::vrfy)) text += " VRFY";
  write(Reply{214, {2, 0, 0}, text});
  co_return;
}

}  // namespace postern::smtp
