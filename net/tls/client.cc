#include "net/tls/client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <utility>

#include "engine/base/check.h"
#include "engine/base/ip_address.h"
#include "net/tls/tls_stream.h"

namespace postern::tls {
namespace {

bool load_authorities(SSL_CTX* context, const std::string& where) {
  if (where == "system") return SSL_CTX_set_default_verify_paths(context) == 1;
  struct stat about{};
  if (::stat(where.c_str(), &about) != 0) return false;
  if (S_ISDIR(about.st_mode)) return SSL_CTX_load_verify_dir(context, where.c_str()) == 1;
  return SSL_CTX_load_verify_file(context, where.c_str()) == 1;
}

// False when a certificate cannot be for that name.
bool name_server(SSL* ssl, const std::string& server, bool verifies) {
  const bool is_address = IpAddress::parse(server).has_value();
  if (!is_address && SSL_set_tlsext_host_name(ssl, server.c_str()) != 1) return false;
  if (!verifies) return true;
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server.c_str()) == 1;
  return SSL_set1_host(ssl, server.c_str()) == 1;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const ClientSettings& settings) {
  std::unique_ptr<Client> made(new Client);
  made->context_ = SSL_CTX_new(TLS_client_method());
  POSTERN_CHECK(made->context_ != nullptr);
  SSL_CTX_set_min_proto_version(made->context_, TLS1_2_VERSION);
  SSL_CTX_set_options(made->context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(made->context_, SSL_MODE_RELEASE_BUFFERS);
  made->verifies_ = !settings.verify_certificates.empty();
  if (made->verifies_ && !load_authorities(made->context_, settings.verify_certificates))
    return failure(Errc::invalid, "read certificates of authorities");
  return made;
}

Client::~Client() { SSL_CTX_free(context_); }

Task<Secured> Client::secure(std::unique_ptr<Stream> stream, std::string server, BlockPool& pool, Wait wait) const {
  OwnedSsl ssl(SSL_new(context_));
  POSTERN_CHECK(ssl != nullptr);
  SSL_set_connect_state(ssl.get());
  if (!name_server(ssl.get(), server, verifies_)) {
    co_await stream->close();
    co_return Secured{
        .stream = nullptr, .error = {Errc::invalid, 0, "TLS handshake"}, .why = "no certificate can be for this name"};
  }
  auto secured = std::make_unique<TlsStream>(std::move(stream), std::move(ssl), pool);
  const Result<void> done = co_await secured->handshake(wait);
  if (done) co_return Secured{.stream = std::move(secured)};
  Secured failed{.stream = nullptr, .error = done.error(), .why = secured->why()};
  co_await secured->close();
  co_return failed;
}

}  // namespace postern::tls
