// A set of strings that is asked about the ends of a subject. The hash runs from the last byte to the first, so that one pass
// over a subject yields the hash of each of its suffixes on the way to its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::lists {

enum class Case : std::uint8_t { ignored, kept };

class FoldedSet {
 public:
  explicit FoldedSet(Case letters = Case::ignored) noexcept : letters_(letters) {}

  static constexpr std::uint64_t kSeed = 0x9ae16a3b2f90404fULL;
  // The hash of one more byte in front of those hashed so far.
  [[nodiscard]] std::uint64_t step(std::uint64_t hash, char c) const noexcept {
    return (hash ^ static_cast<unsigned char>(fold(c))) * 0x9e3779b97f4a7c15ULL;
  }

  struct Entry {
    std::uint32_t offset;
    std::uint32_t length;
    std::uint32_t hash;
    std::uint32_t number;  // the caller's: which of its patterns this is
  };

  // What is there already stays as it is, with its number.
  void add(std::string_view text, std::uint32_t number = 0);
  // `hash` is that of the bytes of `text`, by step(). Null when it is not there; borrowed until something is added.
  [[nodiscard]] const Entry* find(std::string_view text, std::uint64_t hash) const noexcept;
  [[nodiscard]] bool contains(std::string_view text) const noexcept { return find(text, hash_of(text)) != nullptr; }
  // As it was added.
  [[nodiscard]] std::string_view text_of(const Entry& entry) const noexcept {
    return std::string_view(bytes_).substr(entry.offset, entry.length);
  }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  [[nodiscard]] char fold(char c) const noexcept;
  [[nodiscard]] std::uint64_t hash_of(std::string_view text) const noexcept;
  [[nodiscard]] bool equals(const Entry& entry, std::string_view text) const noexcept;
  void grow();

  std::string bytes_;  // of all entries, as they were added
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // entry number + 1, 0 for empty; a power of two of them, at most half in use
  Case letters_;
};

}  // namespace postern::lists
