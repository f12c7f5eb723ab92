// A message digest of bytes that pass in pieces.
#pragma once

#include <memory>
#include <string_view>

#include "policy/crypto/digest.h"

struct evp_md_ctx_st;

namespace postern::crypto {

class Hasher {
 public:
  explicit Hasher(Hash hash);

  void update(std::string_view bytes) noexcept;
  // The digest of what was given so far; more may follow. False when the library refuses the hash (see digest()).
  [[nodiscard]] bool snapshot(Digest& result) const;
  // Another that has taken the same bytes so far.
  [[nodiscard]] Hasher branch() const;

 private:
  Hasher() = default;
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;  // none: refused
};

}  // namespace postern::crypto
