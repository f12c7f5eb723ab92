// The keys that one single-key lookup tries: the key itself, then what partial matching and a default make of it.
#pragma once

#include <string>
#include <string_view>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

// The keys in order, one a call.
//
//   the key; with partial, affix + key, then with components taken from its front while at least components_min are left; with
//   components_min 0, at last the affix alone (without the dot at its end when more is in it); with "*@" the key with all
//   before its last @ replaced by *; with either default, "*".
class KeySequence {
 public:
  // Both are borrowed.
  KeySequence(const Written& written, std::string_view key) : written_(written), key_(key) {}

  // The next key to try; false when there is none. Borrowed until the next call.
  [[nodiscard]] bool next(std::string_view& key);
  // Of the key that next() gave last: nothing unless it has a part that stands for any.
  [[nodiscard]] std::optional<Wild> wild() const noexcept { return wild_; }

 private:
  enum class Step : std::uint8_t { whole, with_affix, shorter, star_at, star, end };
  [[nodiscard]] bool shorten();

  const Written& written_;
  std::string_view key_;
  Step step_ = Step::whole;
  std::size_t fixed_ = 0;  // where the part begins that was tried last
  std::size_t dots_left_ = 0;
  std::string made_;
  std::optional<Wild> wild_;
};

}  // namespace postern::lookup
