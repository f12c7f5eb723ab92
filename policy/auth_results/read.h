// Reading Authentication-Results fields, RFC 8601 section 2.2: whose they are, and what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"

namespace postern::auth_results {

inline constexpr std::size_t kFieldBytesMax = 64UL * 1024;
inline constexpr std::size_t kResultsMax = 256;
inline constexpr std::size_t kPropertiesMax = 64;  // of one result
inline constexpr std::size_t kCommentDepthMax = 50;

struct Property {
  std::string type;  // "smtp", "header", "body", "policy" and others, in lower case
  std::string name;  // in lower case
  PeerText value;    // without quotes and comments
};

struct MethodResult {
  std::string method;  // in lower case: "dkim"
  std::uint32_t version = 1;
  std::string result;  // in lower case: "pass"
  PeerText reason;     // of reason=; usually empty
  std::vector<Property> properties;
  PeerView text;  // the whole of it as it stands, between its semicolons and without blanks around; borrowed from the field

  // The value of the first property "type.name"; nothing when there is none.
  [[nodiscard]] std::optional<PeerView> find(std::string_view type, std::string_view name) const noexcept;
};

struct Field {
  PeerText id;  // the authserv-id, without quotes
  std::uint32_t version = 1;
  std::vector<MethodResult> results;  // empty for "none"
};

// Reads the value of a field (what stands behind its colon, folds included). Nothing when it breaks the grammar or a bound;
// blanks and comments may stand wherever RFC 5322 lets them, and pvalues may hold any visible character but a semicolon, a
// quote or a parenthesis, because real ones do. Pure; the answer's `text` borrows from `value`.
[[nodiscard]] std::optional<Field> read_field(std::string_view value);

// The authserv-id alone, also of a field whose rest is broken or beyond the bounds; nothing when there is none to be seen.
[[nodiscard]] std::optional<PeerText> read_id(std::string_view value);

// True when the field says to come from one of `ids` (letters of either case; a dot at the end does not matter): section 5
// wants such fields removed where a message enters.
[[nodiscard]] bool claims(std::string_view value, std::span<const std::string> ids);

}  // namespace postern::auth_results
