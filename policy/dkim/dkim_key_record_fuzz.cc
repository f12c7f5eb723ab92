// Key records: any text is read within its bounds, and what is read is used as a key would be.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/key_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::dkim;
  const auto record = read_key_record(PeerView({reinterpret_cast<const char*>(data), size}));
  if (!record) return 0;
  POSTERN_CHECK(size <= kKeyRecordBytesMax && record->key.size() <= size);
  POSTERN_CHECK(record->allows(crypto::Hash::sha256) || record->hashes);
  KeyCache cache;
  const auto key = cache.get(record->type, record->key.view());
  POSTERN_CHECK(cache.get(record->type, record->key.view()) == key);
  if (!key) return 0;
  POSTERN_CHECK(key->type() == record->type && key->bits() <= crypto::PublicKey::kRsaBitsMax);
  crypto::Digest digest;
  POSTERN_CHECK(crypto::digest(crypto::Hash::sha256, "", digest));
  static_cast<void>(key->verify(crypto::Hash::sha256, digest, "no signature"));
  return 0;
}
