// Message digests (FIPS 180-4, FIPS 202, RFC 1321) and HMAC (RFC 2104), over OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postern::crypto {

enum class Hash : std::uint8_t { md5, sha1, sha224, sha256, sha384, sha512, sha3_224, sha3_256, sha3_384, sha3_512 };

// Bytes of a digest; the memory is its own.
class Digest {
 public:
  static constexpr std::size_t kBytesMax = 64;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return std::span(bytes_).first(size_); }
  // Two digits a byte, "a" to "f" or "A" to "F".
  void append_hex(std::string& out, bool upper = false) const;
  // The bytes as text; borrowed from this object.
  [[nodiscard]] std::string_view view() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), size_}; }

 private:
  friend class Hasher;
  friend bool digest(Hash, std::string_view, Digest&);
  friend bool hmac(Hash, std::string_view, std::string_view, Digest&);

  std::array<std::uint8_t, kBytesMax> bytes_{};
  std::size_t size_ = 0;
};

// False when the library refuses: a policy of the machine (FIPS) may forbid md5 and others.
[[nodiscard]] bool digest(Hash hash, std::string_view text, Digest& result);
[[nodiscard]] bool hmac(Hash hash, std::string_view secret, std::string_view text, Digest& result);

// Takes as long whatever they hold.
[[nodiscard]] bool same_bytes(std::string_view a, std::string_view b) noexcept;

}  // namespace postern::crypto
