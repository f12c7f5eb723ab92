#include "appliance/delivery/transports/signing_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/peer_text.h"

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

Task<expand::Answer> find_key_text(expand::Services* services, std::string text, expand::Bytes bytes) {
  if (!text.starts_with('/')) co_return expand::Answer::found(std::move(text));
  const std::string name = printable(text, 256);
  const auto fail = [&name](std::string_view why) {
    return expand::Answer::failed(fmt::format("unable to open file for reading: {}: {}", name, why));
  };
  if (bytes == expand::Bytes::peers) co_return fail("Tainted filename: look the name up instead");
  if (services == nullptr) co_return fail("no files are read here");
  expand::Answer answer = co_await read_key_file(*services, std::move(text));
  if (answer.status != expand::Answer::Status::found) co_return fail(printable(answer.why));
  co_return answer;
}

}  // namespace postern::delivery
