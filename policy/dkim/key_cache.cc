#include "policy/dkim/key_cache.h"

#include <optional>
#include <utility>

namespace postern::dkim {

std::shared_ptr<const crypto::PublicKey> KeyCache::get(crypto::KeyType type, std::string_view bytes) {
  std::string name(1, static_cast<char>(type));
  name += bytes;
  if (const auto found = young_.find(name); found != young_.end()) return found->second;
  std::shared_ptr<const crypto::PublicKey> key;
  if (const auto found = old_.find(name); found != old_.end()) {
    key = found->second;
  } else {
    auto read = type == crypto::KeyType::rsa ? crypto::PublicKey::rsa(bytes) : crypto::PublicKey::ed25519(bytes);
    if (!read) return nullptr;
    key = std::make_shared<const crypto::PublicKey>(std::move(*read));
  }
  if (young_.size() == kGenerationMax) old_ = std::exchange(young_, {});
  young_.emplace(std::move(name), key);
  return key;
}

}  // namespace postern::dkim
