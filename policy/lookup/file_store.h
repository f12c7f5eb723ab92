// The files that single-key lookups ask: read once for all shards where a configuration names them, once a shard otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/clock.h"
#include "engine/coro/semaphore.h"
#include "policy/lookup/key_file.h"

namespace postern::lookup {

// A file that a configuration names. All shards read it; whichever sees that it has changed reads it anew for all.
class SharedFile {
 public:
  explicit SharedFile(OpenedFile opened) : current_(std::make_shared<const OpenedFile>(std::move(opened))) {}

  // Changes whenever current() does. A load of one word, so that shards need not touch what others write.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  [[nodiscard]] std::shared_ptr<const OpenedFile> current() const { return current_.load(); }
  void replace(std::shared_ptr<const OpenedFile> opened) {
    current_.store(std::move(opened));
    version_.fetch_add(1, std::memory_order_release);
  }
  // True for the one who is to read it anew; end_reading() lets the next one.
  [[nodiscard]] bool begin_reading() noexcept { return !reading_.exchange(true); }
  void end_reading() noexcept { reading_.store(false); }

 private:
  std::atomic<std::shared_ptr<const OpenedFile>> current_;
  std::atomic<std::uint64_t> version_{1};
  std::atomic<bool> reading_{false};
};

// What a Catalogue has read. Files are added while a configuration is compiled, before shards look.
class FileStore {
 public:
  static constexpr std::size_t kFilesMax = 10'000;

  // Blocks unless it is there. nullptr beyond kFilesMax.
  [[nodiscard]] SharedFile* load(TypeId type, const std::string& path);
  [[nodiscard]] SharedFile* find(TypeId type, std::string_view path) const;

 private:
  std::map<std::pair<TypeId, std::string>, std::unique_ptr<SharedFile>> files_;
};

// One shard's view of one file.
struct ShardFile {
  ShardFile(TypeId t, std::string p, SharedFile* s) : type(t), path(std::move(p)), shared(s) {}

  // Takes over what another shard has read.
  void catch_up();
  void take(std::shared_ptr<const OpenedFile> opened);

  const TypeId type;
  const std::string path;
  SharedFile* const shared;                        // nullptr: this shard's own
  std::shared_ptr<const OpenedFile> current = {};  // nullptr: not read yet
  std::uint64_t version = 0;
  Instant look_again{};    // until then it is taken as it is
  bool reading = false;    // in the background
  Semaphore turn{1};       // of whoever reads it while others wait
  std::uint64_t used = 0;  // the larger, the later
};

// The files one shard has open, those of the store and at most `own_max` others, of which the one that was used longest ago
// goes.
class ShardFiles {
 public:
  ShardFiles(const FileStore& store, std::size_t own_max) : store_(store), own_max_(own_max) {}

  // Never null. Its owner may drop it while the caller holds it.
  [[nodiscard]] std::shared_ptr<ShardFile> at(TypeId type, std::string_view path);

 private:
  struct Less {
    using is_transparent = void;
    using Key = std::pair<TypeId, std::string_view>;
    static Key key(const std::pair<TypeId, std::string>& k) noexcept { return {k.first, k.second}; }
    static Key key(const Key& k) noexcept { return k; }
    bool operator()(const auto& a, const auto& b) const noexcept { return key(a) < key(b); }
  };
  void make_room();

  const FileStore& store_;
  std::size_t own_max_;
  std::map<std::pair<TypeId, std::string>, std::shared_ptr<ShardFile>, Less> files_;
  std::size_t own_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace postern::lookup
