// Keys that were read before: reading one costs more than verifying with it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policy/crypto/signature.h"

namespace postern::dkim {

// One shard's. Knows keys by their bytes, so that it never holds anything that the DNS has withdrawn.
class KeyCache {
 public:
  // In two generations: at most twice that many, and what was used lately stays.
  static constexpr std::size_t kGenerationMax = 512;

  // nullptr: the bytes are no key of that type. Such answers are not kept.
  [[nodiscard]] std::shared_ptr<const crypto::PublicKey> get(crypto::KeyType type, std::string_view bytes);

 private:
  using Keys = std::unordered_map<std::string, std::shared_ptr<const crypto::PublicKey>>;
  Keys young_;
  Keys old_;
};

}  // namespace postern::dkim
