#include "policy/expand/crypteq.h"

#include <crypt.h>

#include <memory>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/operators.h"

namespace postern::expand {

namespace {

constexpr std::size_t kTextMax = 512;  // crypt(3) takes no more

bool apply(std::string_view name, std::string& text, std::string& why) {
  const OperatorDef* const found = find_operator(name);
  if (found != nullptr && found->apply != nullptr) return found->apply(text, 0, {}, why);
  why = "the digest \"";
  why.append(name).append("\" is not built yet");
  return false;
}

// Equal in time that does not tell where they differ.
bool equal_digests(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(smtp::lower(a[i])) ^ static_cast<unsigned char>(smtp::lower(b[i]));
  return difference == 0;
}

std::optional<bool> compare_digest(std::string_view digest, std::string_view text, std::string_view encrypted,
                                   std::string& why) {
  std::string made(text);
  if (!apply(digest, made, why)) return std::nullopt;
  const std::size_t hex_size = digest == "md5" ? 32 : 40;
  if (encrypted.size() == hex_size) return equal_digests(made, encrypted);
  if (!apply("hex2b64", made, why)) return std::nullopt;
  return made.size() == encrypted.size() && made == encrypted;
}

std::optional<bool> compare_crypt(std::string_view text, std::string_view encrypted, std::string& why) {
  if (encrypted.empty()) return false;
  if (text.size() > kTextMax || text.find('\0') != text.npos) return false;
  const auto data = std::make_unique<crypt_data>();
  const std::string setting(encrypted);
  const char* const made = crypt_r(std::string(text).c_str(), setting.c_str(), data.get());
  if (made == nullptr || *made == '*') return why = "crypt error: the encrypted text cannot be used", std::nullopt;
  return setting == made;
}

}  // namespace

std::optional<bool> matches_encrypted(std::string_view text, std::string_view encrypted, std::string& why) {
  for (const std::string_view name : {"md5", "sha1"}) {
    const std::string_view rest = encrypted.substr(std::min(encrypted.size(), name.size() + 2));
    if (encrypted.size() >= name.size() + 2 && encrypted.front() == '{' && encrypted[name.size() + 1] == '}' &&
        smtp::equal_ignoring_case(encrypted.substr(1, name.size()), name))
      return compare_digest(name, text, rest, why);
  }
  if (encrypted.size() >= 7 && smtp::equal_ignoring_case(encrypted.substr(0, 7), "{crypt}"))
    return compare_crypt(text, encrypted.substr(7), why);
  if (encrypted.starts_with('{')) {
    why = "unknown encryption mechanism in \"" + printable(encrypted, 64) + "\"";
    return std::nullopt;
  }
  return compare_crypt(text, encrypted, why);
}

}  // namespace postern::expand
