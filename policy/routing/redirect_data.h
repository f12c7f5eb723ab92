// What the data of a redirect router says: addresses, or what is to be done instead. The text of an aliases file's entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::routing {

inline constexpr std::size_t kRedirectAddressesMax = 1'000;  // of one address

struct RedirectRules {
  bool allow_fail = false;
  bool allow_defer = false;
  bool skip_syntax_errors = false;
  std::string_view qualify_domain;  // for addresses that have none
};

struct Redirection {
  enum class Kind : std::uint8_t {
    nothing,    // no item: the router declines
    addresses,  //
    discard,    // :blackhole:
    fail,       // :fail: `text`
    defer,      // :defer: `text`
    local,      // a file or a pipe, which only delivery would look at
    malformed,  // `text` says why, in Exim's words
  };
  Kind kind = Kind::nothing;
  std::vector<std::string> addresses;  // "local_part@domain", local parts as written
  std::string text;                    // it may have several lines
};

// Items between commas and line ends; those behind # are comments. Pure; ends at the first mistake unless these are skipped.
[[nodiscard]] Redirection read_redirection(std::string_view data, const RedirectRules& rules);

}  // namespace postern::routing
