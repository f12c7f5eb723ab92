#include "policy/crypto/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <utility>

namespace postern::crypto {

namespace {

template <auto kFree>
struct Freed {
  void operator()(auto* what) const noexcept { kFree(what); }
};
using X509Owner = std::unique_ptr<X509, Freed<&X509_free>>;
using BioOwner = std::unique_ptr<BIO, Freed<&BIO_free>>;
using NamesOwner = std::unique_ptr<GENERAL_NAMES, Freed<&GENERAL_NAMES_free>>;
using AccessOwner = std::unique_ptr<AUTHORITY_INFO_ACCESS, Freed<&AUTHORITY_INFO_ACCESS_free>>;
using PointsOwner = std::unique_ptr<CRL_DIST_POINTS, Freed<&CRL_DIST_POINTS_free>>;
using NumberOwner = std::unique_ptr<BIGNUM, Freed<&BN_free>>;

X509Owner read(std::string_view bytes) {
  if (bytes.starts_with("-----BEGIN ")) {
    const BioOwner source(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    return X509Owner(source ? PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr) : nullptr);
  }
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  return X509Owner(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
}

// A name with a zero byte in it would be read as another one by somebody: it is none.
std::string text_of(const ASN1_STRING* string) {
  if (string == nullptr) return {};
  std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                   static_cast<std::size_t>(ASN1_STRING_length(string)));
  return text.contains('\0') ? std::string() : text;
}

std::string hex_of(const ASN1_INTEGER* number) {
  const NumberOwner big(ASN1_INTEGER_to_BN(number, nullptr));
  if (!big) return {};
  const std::unique_ptr<char, void (*)(char*)> digits(BN_bn2hex(big.get()), [](char* text) { OPENSSL_free(text); });
  std::string text(digits ? digits.get() : "");
  const bool is_negative = text.starts_with('-');
  text.erase(0, is_negative ? 1 : 0);
  while (text.size() > 1 && text.starts_with('0')) text.erase(0, 1);
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return is_negative ? "-" + text : text;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<std::int64_t>(timegm(&parts)) : 0;
}

std::string label_of(const ASN1_OBJECT* object) {
  const int known = OBJ_obj2nid(object);
  if (known == NID_pkcs9_emailAddress) return "EMAIL";
  if (known != NID_undef) return OBJ_nid2sn(known);
  std::array<char, 128> dotted{};
  OBJ_obj2txt(dotted.data(), static_cast<int>(dotted.size()), object, 1);
  return dotted.data();
}

std::vector<NameAttribute> attributes_of(const X509_NAME* name) {
  std::vector<NameAttribute> attributes;
  const int count = X509_NAME_entry_count(name);
  for (int i = 0; i < count && attributes.size() < Certificate::kNamesMax; ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    NameAttribute attribute{.label = label_of(X509_NAME_ENTRY_get_object(entry)), .value = {}};
    if (size > 0) attribute.value.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

std::string algorithm_of(int signature) {
  int digest = NID_undef;
  int key = NID_undef;
  if (OBJ_find_sigid_algs(signature, &digest, &key) != 1 || digest == NID_undef) return OBJ_nid2sn(signature);
  const char* const kind = key == NID_rsaEncryption          ? "RSA"
                           : key == NID_X9_62_id_ecPublicKey ? "ECDSA"
                           : key == NID_dsa                  ? "DSA"
                                                             : OBJ_nid2sn(key);
  return std::string(kind) + "-" + OBJ_nid2sn(digest);
}

void add_uri(std::vector<std::string>& uris, const GENERAL_NAME* name) {
  if (name->type != GEN_URI || uris.size() >= Certificate::kNamesMax) return;
  std::string text = text_of(name->d.uniformResourceIdentifier);
  if (!text.empty()) uris.push_back(std::move(text));
}

std::optional<CertificateName> name_of(const GENERAL_NAME* name) {
  using enum CertificateName::Kind;
  switch (name->type) {
    case GEN_DNS: return CertificateName{dns, text_of(name->d.dNSName)};
    case GEN_EMAIL: return CertificateName{mail, text_of(name->d.rfc822Name)};
    case GEN_URI: return CertificateName{uri, text_of(name->d.uniformResourceIdentifier)};
    default: return std::nullopt;
  }
}

std::vector<CertificateName> alternative_names_of(const X509* certificate) {
  std::vector<CertificateName> found;
  const NamesOwner names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && found.size() < Certificate::kNamesMax; ++i)
    if (auto name = name_of(sk_GENERAL_NAME_value(names.get(), i)); name && !name->text.empty())
      found.push_back(*std::move(name));
  return found;
}

std::vector<std::string> ocsp_uris_of(const X509* certificate) {
  std::vector<std::string> uris;
  const AccessOwner entries(
      static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(certificate, NID_info_access, nullptr, nullptr)));
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(entries.get()); ++i) {
    const ACCESS_DESCRIPTION* const entry = sk_ACCESS_DESCRIPTION_value(entries.get(), i);
    if (OBJ_obj2nid(entry->method) == NID_ad_OCSP) add_uri(uris, entry->location);
  }
  return uris;
}

std::vector<std::string> crl_uris_of(const X509* certificate) {
  std::vector<std::string> uris;
  const PointsOwner points(
      static_cast<CRL_DIST_POINTS*>(X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT_NAME* const point = sk_DIST_POINT_value(points.get(), i)->distpoint;
    if (point == nullptr || point->type != 0) continue;
    for (int j = 0; j < sk_GENERAL_NAME_num(point->name.fullname); ++j)
      add_uri(uris, sk_GENERAL_NAME_value(point->name.fullname, j));
  }
  return uris;
}

}  // namespace

std::optional<Certificate> Certificate::parse(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kBytesMax) return std::nullopt;
  const X509Owner read_one = read(bytes);
  std::optional<Certificate> made;
  if (const X509* const x509 = read_one.get(); x509 != nullptr) {
    made.emplace();
    made->version = X509_get_version(x509) + 1;
    made->serial_number = hex_of(X509_get0_serialNumber(x509));
    made->subject = attributes_of(X509_get_subject_name(x509));
    made->issuer = attributes_of(X509_get_issuer_name(x509));
    made->not_before = seconds_of(X509_get0_notBefore(x509));
    made->not_after = seconds_of(X509_get0_notAfter(x509));
    made->signature_algorithm = algorithm_of(X509_get_signature_nid(x509));
    const ASN1_BIT_STRING* signature = nullptr;
    X509_get0_signature(&signature, nullptr, x509);
    if (signature != nullptr)
      made->signature.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(signature)),
                             static_cast<std::size_t>(ASN1_STRING_length(signature)));
    made->alternative_names = alternative_names_of(x509);
    made->ocsp_uris = ocsp_uris_of(x509);
    made->crl_uris = crl_uris_of(x509);
  }
  ERR_clear_error();  // what could not be read leaves its reasons there
  return made;
}

}  // namespace postern::crypto
