// Addresses as header fields hold them: RFC 5322 section 3.4, with the display names and comments that nobody asked for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

struct HeaderAddress {
  std::string local_part;  // as written, quotes included, comments and white space left out
  std::string domain;      // empty when there is none

  [[nodiscard]] std::string text() const { return domain.empty() ? local_part : local_part + "@" + domain; }
};

inline constexpr std::size_t kCommentDepthMax = 50;

// One address with nothing else around it than a display name and comments; an obsolete source route is dropped (section 4.4).
// Nothing when it is malformed, with the reason in Exim's words in `why` (may be nullptr); <> is malformed, too.
[[nodiscard]] std::optional<HeaderAddress> parse_header_address(std::string_view text, std::string* why = nullptr);

// The addresses of a field one after the other, groups taken apart. Pure; borrows the field's value (folds included).
class HeaderAddresses {
 public:
  explicit HeaderAddresses(std::string_view value) noexcept : rest_(value) {}
  // The text of the next address, which may be malformed or blank. False at the end.
  [[nodiscard]] bool next(std::string_view& address) noexcept;

 private:
  std::string_view rest_;
  bool in_group_ = false;
};

}  // namespace postern::expand
