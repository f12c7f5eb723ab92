// ${if crypteq{text}{encrypted}}.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::expand {

// `encrypted` is "{md5}" or "{sha1}" and a digest in hexadecimal or base64, or "{crypt}" or nothing and what crypt(3) makes.
// Nothing when it is none of these; then `why` says so.
[[nodiscard]] std::optional<bool> matches_encrypted(std::string_view text, std::string_view encrypted, std::string& why);

}  // namespace postern::expand
