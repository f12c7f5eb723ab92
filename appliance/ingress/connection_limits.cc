#include "appliance/ingress/connection_limits.h"

#include <algorithm>
#include <bit>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace postern::ingress {
namespace {

// IPv4 addresses share the number space of IPv6 prefixes; ffff::/16 is multicast and never a client's.
std::uint64_t key_of(const IpAddress& client) noexcept {
  std::uint64_t key = 0;
  const std::size_t bytes = client.is_v4() ? 4 : 8;
  for (std::size_t i = 0; i < bytes; ++i) key = key << 8 | client.bytes()[i];
  return client.is_v4() ? key | 0xffff'0000'0000'0000ULL : key;
}

}  // namespace

class ConnectionLimits::Hold {
 public:
  explicit Hold(Stripe& stripe) noexcept : stripe_(stripe) {
    while (stripe_.locked.test_and_set(std::memory_order_acquire)) __builtin_ia32_pause();
  }
  ~Hold() { stripe_.locked.clear(std::memory_order_release); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  Stripe& stripe_;
};

ConnectionLimits::ConnectionLimits(std::uint32_t connections_max, std::uint64_t hash_seed)
    : connections_max_(connections_max == 0 ? kUnlimited : std::min(connections_max, kUnlimited)),
      hash_seed_(hash_seed),
      stripes_(std::make_unique<Stripe[]>(kStripes)) {
  // Twice the average fill leaves room for the unevenness of a seeded hash; a stripe that is full all the same refuses.
  const std::size_t entries = std::bit_ceil(std::max<std::size_t>(64, 4 * std::size_t{connections_max_} / kStripes));
  for (std::size_t i = 0; i < kStripes; ++i) stripes_[i].entries.resize(entries);
}

std::uint64_t ConnectionLimits::hash(std::uint64_t key) const noexcept {
  std::uint64_t z = (key ^ hash_seed_) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 32) ^ hash_seed_) * 0xd6e8feb86659fd93ULL;
  return z ^ (z >> 32);
}

ConnectionLimits::Entry* ConnectionLimits::find(Stripe& stripe, std::uint64_t key, std::uint64_t hash) noexcept {
  const std::size_t mask = stripe.entries.size() - 1;
  std::size_t at = (hash / kStripes) & mask;
  for (std::size_t probes = 0; probes <= mask; ++probes, at = (at + 1) & mask) {
    Entry& entry = stripe.entries[at];
    if (entry.count == 0 || entry.key == key) return &entry;
  }
  return nullptr;
}

Admission ConnectionLimits::admit(const IpAddress& client, std::uint32_t per_host_max) noexcept {
  Admission admission = admit_unidentified();
  if (admission != Admission::admitted) return admission;
  admission = identify(client, per_host_max);
  if (admission != Admission::admitted) release_unidentified();
  return admission;
}

Admission ConnectionLimits::admit_unidentified() noexcept {
  // Never counts over the limit, not even for a moment: somebody else would be refused for it.
  std::uint32_t present = connections_.load(std::memory_order_relaxed);
  do {
    if (present >= connections_max_) return Admission::too_many_connections;
  } while (!connections_.compare_exchange_weak(present, present + 1, std::memory_order_relaxed));
  return Admission::admitted;
}

Admission ConnectionLimits::identify(const IpAddress& client, std::uint32_t per_host_max) noexcept {
  const std::uint64_t key = key_of(client);
  const std::uint64_t hashed = hash(key);
  Stripe& stripe = stripe_of(hashed);
  const Hold hold(stripe);
  Entry* entry = find(stripe, key, hashed);
  const bool full = entry == nullptr;
  if (!full && (per_host_max == 0 || entry->count < per_host_max)) {
    entry->key = key;
    ++entry->count;
    return Admission::admitted;
  }
  return full ? Admission::too_many_connections : Admission::too_many_from_host;
}

void ConnectionLimits::release(const IpAddress& client) noexcept {
  const std::uint64_t key = key_of(client);
  const std::uint64_t hashed = hash(key);
  Stripe& stripe = stripe_of(hashed);
  {
    const Hold hold(stripe);
    Entry* entry = find(stripe, key, hashed);
    POSTERN_CHECK(entry != nullptr && entry->count > 0);
    if (--entry->count == 0) remove(stripe, *entry);
  }
  release_unidentified();
}

// Closes the gap: entries behind it that a probe would no longer find move forward.
void ConnectionLimits::remove(Stripe& stripe, Entry& entry) noexcept {
  const std::size_t mask = stripe.entries.size() - 1;
  auto gap = static_cast<std::size_t>(&entry - stripe.entries.data());
  for (std::size_t at = (gap + 1) & mask; stripe.entries[at].count != 0; at = (at + 1) & mask) {
    const std::size_t home = (hash(stripe.entries[at].key) / kStripes) & mask;
    const bool reachable_without_gap = ((at - home) & mask) < ((at - gap) & mask);
    if (reachable_without_gap) continue;
    stripe.entries[gap] = stripe.entries[at];
    gap = at;
  }
  stripe.entries[gap] = Entry{};
}

std::uint32_t ConnectionLimits::connections_from(const IpAddress& client) noexcept {
  const std::uint64_t key = key_of(client);
  const std::uint64_t hashed = hash(key);
  Stripe& stripe = stripe_of(hashed);
  const Hold hold(stripe);
  const Entry* entry = find(stripe, key, hashed);
  return entry == nullptr ? 0 : entry->count;
}

}  // namespace postern::ingress
