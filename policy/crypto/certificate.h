// What an X.509 certificate says (RFC 5280), over OpenSSL. It proves nothing: whoever shows one may have written anything into
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::crypto {

struct CertificateName {
  enum class Kind : std::uint8_t { dns, mail, uri };
  Kind kind = Kind::dns;
  std::string text;
};

// One attribute of a distinguished name: its label ("CN"; a dotted number where it has none) and its value in UTF-8.
struct NameAttribute {
  std::string label;
  std::string value;
};

// Values, of which nothing refers to the bytes that were read.
struct Certificate {
  static constexpr std::size_t kBytesMax = std::size_t{64} * 1024;  // of one that is read
  static constexpr std::size_t kNamesMax = 1000;                    // of each kind of list; those beyond are left out

  // DER, or the first one of a PEM text. Nothing when it is none, or too long.
  [[nodiscard]] static std::optional<Certificate> parse(std::string_view bytes);

  std::int64_t version = 0;            // 3 for one with extensions
  std::string serial_number;           // hexadecimal, in lower case, without zeros in front
  std::vector<NameAttribute> subject;  // in the order in which they stand there
  std::vector<NameAttribute> issuer;
  std::int64_t not_before = 0;  // Unix seconds
  std::int64_t not_after = 0;
  std::string signature_algorithm;  // "RSA-SHA256", "ECDSA-SHA384"
  std::string signature;            // its bytes
  std::vector<CertificateName> alternative_names;
  std::vector<std::string> ocsp_uris;
  std::vector<std::string> crl_uris;
};

}  // namespace postern::crypto
