// What a check says of a message, in the words that RFC 8601 section 2.7 registers.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::auth_results {

enum class Result : std::uint8_t { none, pass, fail, softfail, neutral, policy, temperror, permerror };

// "temperror".
[[nodiscard]] constexpr std::string_view to_string(Result result) noexcept {
  switch (result) {
    case Result::none: return "none";
    case Result::pass: return "pass";
    case Result::fail: return "fail";
    case Result::softfail: return "softfail";
    case Result::neutral: return "neutral";
    case Result::policy: return "policy";
    case Result::temperror: return "temperror";
    case Result::permerror: return "permerror";
  }
  return "none";
}

}  // namespace postern::auth_results
