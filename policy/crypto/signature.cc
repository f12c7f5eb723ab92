#include "policy/crypto/signature.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "policy/crypto/algorithms.h"

namespace postern::crypto {

namespace {

constexpr std::size_t kEd25519Bytes = 32;
constexpr std::size_t kTextBytesMax = 64 * 1024;

const unsigned char* as_bytes(std::string_view text) noexcept { return reinterpret_cast<const unsigned char*>(text.data()); }

struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  void operator()(EVP_ENCODE_CTX* context) const noexcept { EVP_ENCODE_CTX_free(context); }
};

// OpenSSL keeps its errors for the thread, and TLS on the same thread would take them for its own.
struct ForgetErrors {
  ForgetErrors() = default;
  ForgetErrors(const ForgetErrors&) = delete;
  ForgetErrors& operator=(const ForgetErrors&) = delete;
  ~ForgetErrors() { ERR_clear_error(); }
};

// A key from `decode`, if it took all of the bytes.
template <class Decode>
detail::Key decode_whole(std::string_view bytes, Decode&& decode) {
  const unsigned char* at = as_bytes(bytes);
  detail::Key key(decode(&at, static_cast<long>(bytes.size())));
  if (at != as_bytes(bytes) + bytes.size()) key.reset();
  return key;
}

// The identifiers of RFC 8017 appendix C and RFC 8410 section 3, as they stand at the front of a SubjectPublicKeyInfo.
constexpr std::string_view kRsaIdentifier = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
constexpr std::string_view kEd25519Identifier = "\x06\x03\x2b\x65\x70";
constexpr std::size_t kIdentifierAtMost = 16;  // behind the heads of two sequences

// Only keys of the kind that is wanted are given to the library: a stranger must not choose which of its decoders runs.
detail::Key public_key_info(std::string_view der, std::string_view identifier) {
  if (der.substr(0, kIdentifierAtMost + identifier.size()).find(identifier) == der.npos) return nullptr;
  return decode_whole(der, [](const unsigned char** at, long size) { return d2i_PUBKEY(nullptr, at, size); });
}

bool is_within_limits(EVP_PKEY* rsa) {
  if (EVP_PKEY_get_bits(rsa) > static_cast<int>(PublicKey::kRsaBitsMax)) return false;
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const std::unique_ptr<BIGNUM, FreeContext> owned(exponent);
  return BN_num_bits(exponent) <= static_cast<int>(PublicKey::kRsaExponentBitsMax);
}

std::optional<KeyType> type_of(const EVP_PKEY* key) noexcept {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return KeyType::rsa;
    case EVP_PKEY_ED25519: return KeyType::ed25519;
    default: return std::nullopt;
  }
}

// Base 64 with line ends and blanks; none when it is something else.
std::optional<std::string> decode_base64(std::string_view text) {
  const std::unique_ptr<EVP_ENCODE_CTX, FreeContext> context(EVP_ENCODE_CTX_new());
  std::string bytes(text.size() + 4, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(bytes.data());
  EVP_DecodeInit(context.get());
  int taken = 0;
  int rest = 0;
  if (EVP_DecodeUpdate(context.get(), out, &taken, as_bytes(text), static_cast<int>(text.size())) < 0 ||
      EVP_DecodeFinal(context.get(), out + taken, &rest) < 0)
    return std::nullopt;
  bytes.resize(static_cast<std::size_t>(taken + rest));
  return bytes;
}

detail::Key read_pem(std::string_view text) {
  // The default would ask the terminal for a passphrase.
  constexpr auto kNoPassphrase = [](char*, int, int, void*) { return -1; };
  const std::unique_ptr<BIO, FreeContext> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return detail::Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, kNoPassphrase, nullptr));
}

detail::Key read_der(std::string_view bytes) {
  if (bytes.size() == kEd25519Bytes)
    return detail::Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, as_bytes(bytes), bytes.size()));
  return decode_whole(bytes, [](const unsigned char** at, long size) { return d2i_AutoPrivateKey(nullptr, at, size); });
}

// For signing or verifying a digest by `hash`, once `prepare` has said which.
template <class Prepare>
std::unique_ptr<EVP_PKEY_CTX, FreeContext> rsa_context(EVP_PKEY* key, Hash hash, Prepare&& prepare) {
  std::unique_ptr<EVP_PKEY_CTX, FreeContext> context(EVP_PKEY_CTX_new(key, nullptr));
  const EVP_MD* const found = detail::algorithm(hash);
  if (found == nullptr || !context || prepare(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), found) != 1)
    context.reset();
  return context;
}

std::optional<std::string> sign_rsa(EVP_PKEY* key, Hash hash, std::string_view digest) {
  const auto context = rsa_context(key, hash, EVP_PKEY_sign_init);
  std::size_t size = 0;
  if (!context || EVP_PKEY_sign(context.get(), nullptr, &size, as_bytes(digest), digest.size()) != 1) return std::nullopt;
  std::string signature(size, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_PKEY_sign(context.get(), out, &size, as_bytes(digest), digest.size()) != 1) return std::nullopt;
  signature.resize(size);
  return signature;
}

std::optional<std::string> sign_ed25519(EVP_PKEY* key, std::string_view digest) {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, as_bytes(digest),
                     digest.size()) != 1)
    return std::nullopt;
  signature.resize(size);
  return signature;
}

}  // namespace

void detail::FreeKey::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }

PublicKey::PublicKey(detail::Key key, KeyType type)
    : key_(std::move(key)), type_(type), bits_(static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()))) {}

std::optional<PublicKey> PublicKey::rsa(std::string_view der) {
  const ForgetErrors at_end;
  detail::Key key = public_key_info(der, kRsaIdentifier);
  if (!key)
    key = decode_whole(der, [](const unsigned char** at, long size) { return d2i_PublicKey(EVP_PKEY_RSA, nullptr, at, size); });
  if (!key || type_of(key.get()) != KeyType::rsa || !is_within_limits(key.get())) return std::nullopt;
  return PublicKey(std::move(key), KeyType::rsa);
}

std::optional<PublicKey> PublicKey::ed25519(std::string_view bytes) {
  const ForgetErrors at_end;
  detail::Key key;
  if (bytes.size() == kEd25519Bytes)
    key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, as_bytes(bytes), bytes.size()));
  else
    key = public_key_info(bytes, kEd25519Identifier);
  if (!key || type_of(key.get()) != KeyType::ed25519) return std::nullopt;
  return PublicKey(std::move(key), KeyType::ed25519);
}

bool PublicKey::verify(Hash hash, const Digest& digest, std::string_view signature) const {
  const ForgetErrors at_end;
  const std::string_view text = digest.view();
  if (type_ == KeyType::rsa) {
    const auto context = rsa_context(key_.get(), hash, EVP_PKEY_verify_init);
    return context && EVP_PKEY_verify(context.get(), as_bytes(signature), signature.size(), as_bytes(text), text.size()) == 1;
  }
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), as_bytes(signature), signature.size(), as_bytes(text), text.size()) == 1;
}

PrivateKey::PrivateKey(detail::Key key, KeyType type)
    : key_(std::move(key)), type_(type), bits_(static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()))) {}

std::optional<PrivateKey> PrivateKey::read(std::string_view text, std::string& why) {
  const ForgetErrors at_end;
  if (text.size() > kTextBytesMax) {
    why = "the private key is longer than 64 KiB";
    return std::nullopt;
  }
  detail::Key key;
  if (text.find("-----BEGIN") != text.npos)
    key = read_pem(text);
  else if (const std::optional<std::string> bytes = decode_base64(text))
    key = read_der(*bytes);
  if (!key) {
    why = "the private key cannot be read: it must be PEM without a passphrase (openssl genrsa 2048), or base 64";
    return std::nullopt;
  }
  const std::optional<KeyType> type = type_of(key.get());
  if (!type) {
    why = "the private key is neither RSA nor Ed25519";
    return std::nullopt;
  }
  return PrivateKey(std::move(key), *type);
}

std::optional<std::string> PrivateKey::sign(Hash hash, const Digest& digest) const {
  const ForgetErrors at_end;
  return type_ == KeyType::rsa ? sign_rsa(key_.get(), hash, digest.view()) : sign_ed25519(key_.get(), digest.view());
}

std::string PrivateKey::public_bytes() const {
  const ForgetErrors at_end;
  if (type_ == KeyType::ed25519) {
    std::string bytes(kEd25519Bytes, '\0');
    std::size_t size = bytes.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1) return {};
    return bytes;
  }
  const int size = i2d_PUBKEY(key_.get(), nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_PUBKEY(key_.get(), &out);
  return der;
}

}  // namespace postern::crypto
