#include "engine/base/random.h"

#include <sys/random.h>

#include "engine/base/check.h"

namespace postern::inline base {

std::uint64_t Random::below(std::uint64_t bound) {
  POSTERN_CHECK(bound > 0);
  // Refuse the incomplete last stretch, so that every value is equally likely.
  const std::uint64_t usable = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next();
  while (value >= usable) value = next();
  return value % bound;
}

std::uint64_t SystemRandom::next() {
  std::uint64_t value = 0;
  POSTERN_CHECK(::getrandom(&value, sizeof value, 0) == sizeof value);
  return value;
}

std::uint64_t SeededRandom::next() {
  // splitmix64: small, seedable, good enough to choose test cases.
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace postern::inline base
