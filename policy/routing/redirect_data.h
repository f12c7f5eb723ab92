// What the data of a redirect router says: addresses, or what is to be done instead. The text of an aliases file's entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::routing {

inline constexpr std::size_t kRedirectAddressesMax = 1'000;                 // of one address
inline constexpr std::size_t kRedirectFileBytesMax = std::size_t{1} << 20;  // of a file with such data
inline constexpr std::size_t kIncludesMax = 20;                             // files that the data of one address includes
inline constexpr std::size_t kIncludedNameBytesMax = 255;

struct RedirectRules {
  bool allow_fail = false;
  bool allow_defer = false;
  bool forbid_blackhole = false;
  bool forbid_include = false;
  bool has_peers_bytes = false;  // the data has, though not what it includes: a peer names no file
  bool skip_syntax_errors = false;
  std::string_view qualify_domain;  // for addresses that have none
};

struct Redirection {
  enum class Kind : std::uint8_t {
    nothing,    // no item: the router declines
    addresses,  //
    discard,    // :blackhole:, whatever stands beside it
    fail,       // :fail: `text`
    defer,      // :defer: `text`
    local,      // a file or a pipe, which only delivery would look at
    malformed,  // `text` says why, in Exim's words
  };
  Kind kind = Kind::nothing;
  std::vector<std::string> addresses;  // "local_part@domain", local parts as written
  std::string text;                    // it may have several lines
  bool skipped = false;                // there were items with mistakes
};

// Whether it is no list but a filter: its first line says so, as a comment.
[[nodiscard]] bool is_filter(std::string_view data) noexcept;

// Items between commas and line ends; those behind # are comments. Pure; ends at the first mistake unless these are skipped.
// An :include: item is left to whoever reads: the list goes on in the file's text and then behind the item.
class RedirectReader {
 public:
  // `rules` is borrowed.
  RedirectReader(std::string data, const RedirectRules& rules);

  // Reads on. Gives the name of a file, absolute, that include() or fail() is to be called for; nothing at the end.
  [[nodiscard]] std::optional<std::string> next_file();
  void include(std::string text);
  // Ends it as malformed: `why`.
  void fail(std::string why) { end(Redirection::Kind::malformed, std::move(why)); }
  // Once, at the end.
  [[nodiscard]] Redirection take();

 private:
  struct Text {
    std::string text;
    std::size_t at = 0;
  };

  [[nodiscard]] std::string_view rest() const noexcept { return std::string_view(texts_.back().text).substr(texts_.back().at); }
  void skip(std::size_t bytes) noexcept { texts_.back().at += bytes; }
  [[nodiscard]] bool skip_between() noexcept;
  [[nodiscard]] std::optional<std::string> take_item();
  [[nodiscard]] std::optional<std::string> take_include(std::string_view item);
  void take_address(std::string_view item);
  void end(Redirection::Kind kind, std::string text);
  void end_with(Redirection::Kind kind, bool is_allowed, std::string_view text, std::size_t word_bytes);

  const RedirectRules& rules_;
  std::vector<Text> texts_;  // the last one is being read; behind each the one before it goes on
  Redirection read_;
  std::size_t includes_ = 0;
  bool has_local_ = false;
  bool ended_ = false;
};

}  // namespace postern::routing
