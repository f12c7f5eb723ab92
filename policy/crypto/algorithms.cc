#include "policy/crypto/algorithms.h"

#include <array>

namespace postern::crypto::detail {

namespace {

constexpr std::array kNames{"MD5",      "SHA1",     "SHA2-224", "SHA2-256", "SHA2-384",
                            "SHA2-512", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"};

std::array<const EVP_MD*, kNames.size()> fetch_all() noexcept {
  std::array<const EVP_MD*, kNames.size()> fetched{};
  for (std::size_t i = 0; i < kNames.size(); ++i) fetched[i] = EVP_MD_fetch(nullptr, kNames[i], nullptr);
  return fetched;
}

}  // namespace

const EVP_MD* algorithm(Hash hash) noexcept {
  static const std::array fetched = fetch_all();
  return fetched[static_cast<std::size_t>(hash)];
}

}  // namespace postern::crypto::detail
