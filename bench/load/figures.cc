#include "bench/load/figures.h"

namespace postern::load {

std::string_view to_string(Step step) noexcept {
  switch (step) {
    case Step::greeting: return "greeting";
    case Step::ehlo: return "ehlo";
    case Step::helo: return "helo";
    case Step::mail: return "mail";
    case Step::rcpt: return "rcpt";
    case Step::data: return "data";
    case Step::bdat: return "bdat";
    case Step::message: return "message";
    case Step::rset: return "rset";
    case Step::quit: return "quit";
  }
  return "";
}

std::string_view to_string(Failure failure) noexcept {
  switch (failure) {
    case Failure::connect: return "connect";
    case Failure::greeting: return "greeting";
    case Failure::hello: return "hello";
    case Failure::shut_down: return "shut_down";
    case Failure::closed: return "closed";
    case Failure::timed_out: return "timed_out";
    case Failure::malformed: return "malformed";
    case Failure::uncalled: return "uncalled";
  }
  return "";
}

}  // namespace postern::load
