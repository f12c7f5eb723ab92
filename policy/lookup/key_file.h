// A file that single-key lookups ask, opened: what all types of them have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "policy/lookup/written.h"

namespace postern::lookup {

// What tells whether a file is still the one that was read.
struct FileFacts {
  int error = 0;  // errno; the rest says nothing then
  bool is_directory = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;

  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

enum class Waiting : std::uint8_t {
  never,    // what is not in memory is would_wait
  allowed,  // blocks
};

// False, with Waiting::never only, when the kernel would have to look at the disk.
[[nodiscard]] bool look_at_file(const std::string& path, Waiting waiting, FileFacts& facts);

// Immutable; any thread.
class KeyFile {
 public:
  enum class Outcome : std::uint8_t { found, not_found, deferred, would_wait };

  virtual ~KeyFile() = default;
  // Exactly that key, which is not empty. Appends the value; deferred: why, in Exim's words.
  [[nodiscard]] virtual Outcome find(const Written& written, std::string_view key, Waiting waiting, std::string& value,
                                     std::string& why) const = 0;
};

struct OpenedFile {
  FileFacts facts;
  std::shared_ptr<const KeyFile> file;  // nullptr: it cannot be had
  std::string why;                      // then, in Exim's words
};

// Opens and reads what the type reads at once. Blocks. `path` is absolute.
[[nodiscard]] OpenedFile open_key_file(TypeId type, const std::string& path);
// True when find() may say would_wait for reasons other than a cold page cache: always ask it where waiting is allowed.
[[nodiscard]] bool always_waits(TypeId type) noexcept;

}  // namespace postern::lookup
