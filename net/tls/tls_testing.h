// The other end of a TLS connection, made of OpenSSL alone, with bytes for a wire; and a certificate for it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/check.h"

namespace postern::tls {

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

// Signed by itself, for a day, for what `names` says: "DNS:a.example, IP:192.0.2.1".
struct Certificate {
  std::unique_ptr<EVP_PKEY, FreeKey> key{EVP_EC_gen("P-256")};
  std::unique_ptr<X509, FreeCertificate> certificate{X509_new()};

  explicit Certificate(const char* names) {
    X509* x = certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86'400);
    X509_set_pubkey(x, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    POSTERN_CHECK(extension != nullptr);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    POSTERN_CHECK(X509_sign(x, key.get(), EVP_sha256()) > 0);
  }
  // As a file that an authority could be read from; the caller removes it.
  [[nodiscard]] std::string write_file() const {
    std::string name = "/tmp/postern-tls-XXXXXX";
    std::FILE* file = ::fdopen(::mkstemp(name.data()), "w");
    POSTERN_CHECK(file != nullptr);
    PEM_write_X509(file, certificate.get());
    std::fclose(file);
    return name;
  }
};

class TestEnd {
 public:
  // A server with `certificate`, or a client where there is none. `version` is the only one it speaks; 0: any.
  explicit TestEnd(const Certificate* certificate, int version = 0)
      : context_(SSL_CTX_new(certificate != nullptr ? TLS_server_method() : TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    if (certificate != nullptr) {
      SSL_CTX_use_certificate(context_, certificate->certificate.get());
      SSL_CTX_use_PrivateKey(context_, certificate->key.get());
    }
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (certificate != nullptr)
      SSL_set_accept_state(ssl_);
    else
      SSL_set_connect_state(ssl_);
  }
  ~TestEnd() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TestEnd(const TestEnd&) = delete;
  TestEnd& operator=(const TestEnd&) = delete;

  // Takes what came over the wire; what it has to say lies in wire() then, and what it was told in clear().
  void take(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    if (!SSL_is_init_finished(ssl_)) SSL_do_handshake(ssl_);
    char clear[16'384];
    for (int count = 0; SSL_is_init_finished(ssl_) && (count = SSL_read(ssl_, clear, sizeof clear)) > 0;)
      clear_.append(clear, static_cast<std::size_t>(count));
  }
  void say(std::string_view clear) { POSTERN_CHECK(SSL_write(ssl_, clear.data(), static_cast<int>(clear.size())) > 0); }
  void end() { SSL_shutdown(ssl_); }

  [[nodiscard]] std::string wire() {
    std::string bytes(BIO_pending(SSL_get_wbio(ssl_)), '\0');
    if (!bytes.empty()) BIO_read(SSL_get_wbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  [[nodiscard]] const std::string& clear() const noexcept { return clear_; }
  [[nodiscard]] bool is_finished() const { return SSL_is_init_finished(ssl_) == 1; }
  [[nodiscard]] bool was_ended() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  [[nodiscard]] SSL* ssl() noexcept { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  std::string clear_;
};

}  // namespace postern::tls
