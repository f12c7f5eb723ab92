#include "policy/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "policy/crypto/algorithms.h"

namespace postern::crypto {

void Digest::append_hex(std::string& out, bool upper) const {
  const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (const std::uint8_t byte : bytes()) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
}

bool digest(Hash hash, std::string_view text, Digest& result) {
  unsigned size = 0;
  const EVP_MD* const found = detail::algorithm(hash);
  if (found == nullptr) return false;
  if (EVP_Digest(text.data(), text.size(), result.bytes_.data(), &size, found, nullptr) != 1) return false;
  result.size_ = size;
  return true;
}

bool hmac(Hash hash, std::string_view secret, std::string_view text, Digest& result) {
  unsigned size = 0;
  // A null pointer would mean "the key of last time".
  const char* const key = secret.empty() ? "" : secret.data();
  const EVP_MD* const found = detail::algorithm(hash);
  if (found == nullptr) return false;
  if (HMAC(found, key, static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           result.bytes_.data(), &size) == nullptr) {
    return false;
  }
  result.size_ = size;
  return true;
}

bool same_bytes(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::crypto
