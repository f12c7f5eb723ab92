#include "policy/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace postern::crypto {

namespace {

const EVP_MD* algorithm(Hash hash) noexcept {
  switch (hash) {
    case Hash::md5: return EVP_md5();
    case Hash::sha1: return EVP_sha1();
    case Hash::sha224: return EVP_sha224();
    case Hash::sha256: return EVP_sha256();
    case Hash::sha384: return EVP_sha384();
    case Hash::sha512: return EVP_sha512();
    case Hash::sha3_224: return EVP_sha3_224();
    case Hash::sha3_256: return EVP_sha3_256();
    case Hash::sha3_384: return EVP_sha3_384();
    case Hash::sha3_512: return EVP_sha3_512();
  }
  return nullptr;
}

}  // namespace

void Digest::append_hex(std::string& out, bool upper) const {
  const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (const std::uint8_t byte : bytes()) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
}

bool digest(Hash hash, std::string_view text, Digest& result) {
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), result.bytes_.data(), &size, algorithm(hash), nullptr) != 1) return false;
  result.size_ = size;
  return true;
}

bool hmac(Hash hash, std::string_view secret, std::string_view text, Digest& result) {
  unsigned size = 0;
  // A null pointer would mean "the key of last time".
  const char* const key = secret.empty() ? "" : secret.data();
  if (HMAC(algorithm(hash), key, static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), result.bytes_.data(), &size) == nullptr) {
    return false;
  }
  result.size_ = size;
  return true;
}

bool same_bytes(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::crypto
