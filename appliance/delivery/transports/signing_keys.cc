#include "appliance/delivery/transports/signing_keys.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace postern::delivery {

std::shared_ptr<const crypto::PrivateKey> SigningKeys::read(std::string_view text, std::string& why) {
  if (const auto known = keys_.find(text); known != keys_.end()) {
    known->second.used = ++uses_;
    return known->second.key;
  }
  std::optional<crypto::PrivateKey> key = crypto::PrivateKey::read(text, why);
  if (!key) return nullptr;
  make_room();
  auto shared = std::make_shared<const crypto::PrivateKey>(std::move(*key));
  keys_.emplace(text, Kept{shared, ++uses_});
  return shared;
}

void SigningKeys::make_room() {
  if (keys_.size() < kKeysMax) return;
  const auto used = [](const auto& each) { return each.second.used; };
  keys_.erase(std::ranges::min_element(keys_, {}, used));
}

Task<expand::Answer> read_key_file(expand::Services& services, std::string path) {
  const expand::FileQuestion question{expand::FileQuestion::Kind::content, path, SigningKeys::kKeyBytesMax};
  if (std::optional<expand::Answer> now = services.file_now(question)) co_return *std::move(now);
  co_return co_await services.file(question);
}

}  // namespace postern::delivery
