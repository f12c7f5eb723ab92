// Private keys that were read, by their text: whoever has the text need not have it parsed again, and a file that was changed
// is another text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/coro/task.h"
#include "policy/crypto/signature.h"
#include "policy/expand/services.h"

namespace postern::delivery {

// One shard's.
class SigningKeys {
 public:
  static constexpr std::size_t kKeysMax = 256;  // the one not used for longest goes
  static constexpr std::size_t kKeyBytesMax = std::size_t{64} * 1024;

  // The key that `text` is. Null, and `why` with a remedy and without bytes of the key.
  [[nodiscard]] std::shared_ptr<const crypto::PrivateKey> read(std::string_view text, std::string& why);

  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

 private:
  struct Kept {
    std::shared_ptr<const crypto::PrivateKey> key;
    std::uint64_t used = 0;
  };
  void make_room();

  std::map<std::string, Kept, std::less<>> keys_;
  std::uint64_t uses_ = 0;
};

// What an option gives as a key: the text itself, or that of the file whose absolute name it is, unless a peer chose its
// `bytes`. Suspends. Failed: `why` says what is wrong, and shows no key.
[[nodiscard]] Task<expand::Answer> find_key_text(expand::Services* services, std::string text, expand::Bytes bytes);

// The text of the key in the file `path`, read off the shard's thread each time. Suspends. Failed: `why` says what is wrong.
[[nodiscard]] Task<expand::Answer> read_key_file(expand::Services& services, std::string path);

}  // namespace postern::delivery
