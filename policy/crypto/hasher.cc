#include "policy/crypto/hasher.h"

#include <openssl/err.h>

#include "engine/base/check.h"
#include "policy/crypto/algorithms.h"

namespace postern::crypto {

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Hasher::Hasher(Hash hash) : context_(EVP_MD_CTX_new()) {
  POSTERN_CHECK(context_);
  const EVP_MD* const found = detail::algorithm(hash);
  if (found != nullptr && EVP_DigestInit_ex2(context_.get(), found, nullptr) == 1) return;
  ERR_clear_error();
  context_.reset();
}

void Hasher::update(std::string_view bytes) noexcept {
  if (context_) POSTERN_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Hasher Hasher::branch() const {
  Hasher other;
  if (!context_) return other;
  other.context_.reset(EVP_MD_CTX_new());
  POSTERN_CHECK(other.context_ && EVP_MD_CTX_copy_ex(other.context_.get(), context_.get()) == 1);
  return other;
}

bool Hasher::snapshot(Digest& result) const {
  if (!context_) return false;
  const std::unique_ptr<evp_md_ctx_st, Free> copy(EVP_MD_CTX_new());
  POSTERN_CHECK(copy && EVP_MD_CTX_copy_ex(copy.get(), context_.get()) == 1);
  unsigned size = 0;
  POSTERN_CHECK(EVP_DigestFinal_ex(copy.get(), result.bytes_.data(), &size) == 1);
  result.size_ = size;
  return true;
}

}  // namespace postern::crypto
