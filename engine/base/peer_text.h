// Bytes that came from outside. They are looked at through view(), logged and quoted through the functions below, and never
// expanded: no conversion to std::string or ConfigText exists, so such code does not compile (tests/compile_fail).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace postern::inline base {

class PeerText {
 public:
  PeerText() = default;
  explicit PeerText(std::string bytes) noexcept : bytes_(std::move(bytes)) {}
  explicit PeerText(std::string_view bytes) : bytes_(bytes) {}
  explicit PeerText(const char* bytes) : bytes_(bytes) {}

  // Borrowed from this object.
  [[nodiscard]] constexpr std::string_view view() const noexcept { return bytes_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  friend bool operator==(const PeerText&, const PeerText&) = default;

 private:
  std::string bytes_;
};

// The same, borrowed: whoever hands one out says how long the bytes stay.
class PeerView {
 public:
  constexpr PeerView() = default;
  explicit constexpr PeerView(std::string_view bytes) noexcept : bytes_(bytes) {}
  constexpr PeerView(const PeerText& owner) noexcept : bytes_(owner.view()) {}  // borrowed from `owner`

  [[nodiscard]] constexpr std::string_view view() const noexcept { return bytes_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return bytes_.size(); }

  friend constexpr bool operator==(const PeerView&, const PeerView&) = default;

 private:
  std::string_view bytes_;
};

// Appends `bytes` so that they stay on one log line and cannot pretend to be ours: control characters, DEL and backslash
// become \n, \t, \\ or \ooo; bytes above 127 stay when they form valid UTF-8 other than a control character (U+0080 to U+009F)
// or a line or paragraph separator (U+2028, U+2029), else become \ooo. At most `bytes_max` input bytes are shown; the rest is
// replaced by "...".
void append_printable(std::string& out, std::string_view bytes, std::size_t bytes_max = 512);
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t bytes_max = 512);
[[nodiscard]] inline std::string printable(PeerView text, std::size_t bytes_max = 512) {
  return printable(text.view(), bytes_max);
}

}  // namespace postern::inline base
