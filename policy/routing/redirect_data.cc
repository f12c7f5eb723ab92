#include "policy/routing/redirect_data.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/expand/header_addresses.h"
#include "policy/lists/list_text.h"

namespace postern::routing {

namespace {

using Kind = Redirection::Kind;

class Reader {
 public:
  Reader(std::string_view data, const RedirectRules& rules) noexcept : rest_(data), rules_(rules) {}

  Redirection read() {
    while (!ended_ && skip_between()) take_item();
    if (!ended_) finish();
    return std::move(read_);
  }

 private:
  // To the next item: over blanks, separators and comments. False at the end.
  bool skip_between() {
    for (;;) {
      const std::size_t begin = rest_.find_first_not_of(" \t\r\n\v\f,");
      rest_.remove_prefix(std::min(begin, rest_.size()));
      if (!rest_.starts_with('#')) return !rest_.empty();
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    }
  }

  void take_item() {
    // What stands behind these goes on to the end of all, commas and lines included.
    if (rest_.starts_with(":fail:")) return end_with_text(Kind::fail, rules_.allow_fail, rest_.substr(6));
    if (rest_.starts_with(":defer:")) return end_with_text(Kind::defer, rules_.allow_defer, rest_.substr(7));
    const std::string_view item = lists::trim(rest_.substr(0, item_size()));
    rest_.remove_prefix(item_size());
    if (item == ":blackhole:") {
      discards_ = true;
    } else if (item.starts_with(":unknown:")) {
      read_ = {};
      ended_ = true;
    } else if (item.starts_with(":include:")) {
      end(Kind::malformed, ":include: is not built");
    } else if (item.starts_with('/') || item.starts_with('|') || item.starts_with("\"/") || item.starts_with("\"|")) {
      has_local_ = true;
    } else {
      add_address(item);
    }
  }

  // Up to the comma or line end that is not within quotes, brackets or a comment.
  [[nodiscard]] std::size_t item_size() const noexcept {
    bool quoted = false;
    bool bracketed = false;
    std::size_t comments = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '\n') return i;
      if (c == '\\') {
        if (i + 1 < rest_.size() && rest_[i + 1] != '\n') ++i;
      } else if (c == '"' && comments == 0) {
        quoted = !quoted;
      } else if (!quoted && c == '(') {
        ++comments;
      } else if (!quoted && c == ')' && comments > 0) {
        --comments;
      } else if (!quoted && comments == 0 && (c == '<' || c == '>')) {
        bracketed = c == '<';
      } else if (!quoted && comments == 0 && !bracketed && c == ',') {
        return i;
      }
    }
    return rest_.size();
  }

  void end(Kind kind, std::string text) {
    read_ = {.kind = kind, .text = std::move(text)};
    ended_ = true;
  }

  void end_with_text(Kind kind, bool is_allowed, std::string_view text) {
    if (is_allowed) return end(kind, std::string(lists::trim(text)));
    const std::string_view item = lists::trim(rest_.substr(0, rest_.find_first_of(",\n")));
    end(Kind::malformed, fmt::format("\"{}\" is not permitted", printable(item, 128)));
  }

  void add_address(std::string_view item) {
    if (item.starts_with('\\')) item.remove_prefix(1);  // it names nothing special
    std::string why;
    std::optional<expand::HeaderAddress> address = expand::parse_header_address(item, &why);
    if (!address || address->local_part.empty()) {
      if (!rules_.skip_syntax_errors)
        end(Kind::malformed, fmt::format("{} in \"{}\"", why.empty() ? "malformed address" : why, printable(item, 128)));
      return;
    }
    if (read_.addresses.size() >= kRedirectAddressesMax) return end(Kind::malformed, "there are too many addresses");
    if (address->domain.empty()) address->domain = rules_.qualify_domain;
    read_.addresses.push_back(std::move(address->local_part) + "@" + address->domain);
  }

  void finish() {
    if (has_local_)
      read_.kind = Kind::local;
    else if (!read_.addresses.empty())
      read_.kind = Kind::addresses;
    else if (discards_)
      read_.kind = Kind::discard;
  }

  std::string_view rest_;
  const RedirectRules& rules_;
  Redirection read_;
  bool has_local_ = false;
  bool discards_ = false;
  bool ended_ = false;
};

}  // namespace

Redirection read_redirection(std::string_view data, const RedirectRules& rules) { return Reader(data, rules).read(); }

}  // namespace postern::routing
