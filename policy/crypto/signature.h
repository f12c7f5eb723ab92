// Signatures over digests: RSA with PKCS #1 v1.5 padding (RFC 8017 section 8.2) and Ed25519 (RFC 8032), as DKIM and ARC use
// them (RFC 6376 section 3.3, RFC 8463). Over OpenSSL.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/crypto/digest.h"

struct evp_pkey_st;

namespace postern::crypto {

enum class KeyType : std::uint8_t { rsa, ed25519 };

namespace detail {
struct FreeKey {
  void operator()(evp_pkey_st* key) const noexcept;
};
using Key = std::unique_ptr<evp_pkey_st, FreeKey>;
}  // namespace detail

// One shard's.
class PublicKey {
 public:
  // What a stranger's key may cost us: 8192 bits verify in about half a millisecond, a long exponent in many.
  static constexpr unsigned kRsaBitsMax = 8192;
  static constexpr unsigned kRsaExponentBitsMax = 33;

  // DER: a SubjectPublicKeyInfo (RFC 5280 section 4.1), or an RSAPublicKey (RFC 8017 appendix A.1.1). Nothing for what is
  // neither, or larger than the limits above.
  [[nodiscard]] static std::optional<PublicKey> rsa(std::string_view der);
  // 32 bytes, or a SubjectPublicKeyInfo.
  [[nodiscard]] static std::optional<PublicKey> ed25519(std::string_view bytes);

  [[nodiscard]] KeyType type() const noexcept { return type_; }
  // Of the modulus; 253 for Ed25519.
  [[nodiscard]] unsigned bits() const noexcept { return bits_; }
  // Whether `signature` is this key's for `digest`, made by `hash`. Ed25519 signs the digest's bytes.
  [[nodiscard]] bool verify(Hash hash, const Digest& digest, std::string_view signature) const;

 private:
  PublicKey(detail::Key key, KeyType type);

  detail::Key key_;
  KeyType type_;
  unsigned bits_ = 0;
};

// One shard's at a time.
class PrivateKey {
 public:
  // PEM (PKCS #8 or PKCS #1, without a passphrase), base 64 of the same in DER, or base 64 of an Ed25519 key's 32 bytes.
  // Otherwise nothing, and `why` says what is wrong; it never holds bytes of the key.
  [[nodiscard]] static std::optional<PrivateKey> read(std::string_view text, std::string& why);

  [[nodiscard]] KeyType type() const noexcept { return type_; }
  [[nodiscard]] unsigned bits() const noexcept { return bits_; }
  // The signature's bytes, or none when the library refuses.
  [[nodiscard]] std::optional<std::string> sign(Hash hash, const Digest& digest) const;
  // What its key record says behind p=, not yet base 64: a SubjectPublicKeyInfo for RSA, 32 bytes for Ed25519.
  [[nodiscard]] std::string public_bytes() const;

 private:
  PrivateKey(detail::Key key, KeyType type);

  detail::Key key_;
  KeyType type_;
  unsigned bits_ = 0;
};

}  // namespace postern::crypto
