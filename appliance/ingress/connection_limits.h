// Limits on connections, exact over all shards: a fixed table touched when a connection begins and when it ends, and never
// between.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/ip_address.h"

namespace postern::ingress {

enum class Admission : std::uint8_t { admitted, too_many_connections, too_many_from_host };

// Counts connections of the process and of each client, an IPv4 address or an IPv6 /64. Any thread; memory is fixed at the
// start.
class ConnectionLimits {
 public:
  // `connections_max` connections at once, 0: as many as the table holds (kUnlimited). `hash_seed` keeps strangers from
  // choosing addresses that meet in one part of the table.
  ConnectionLimits(std::uint32_t connections_max, std::uint64_t hash_seed);
  ConnectionLimits(const ConnectionLimits&) = delete;
  ConnectionLimits& operator=(const ConnectionLimits&) = delete;

  static constexpr std::uint32_t kUnlimited = 1'000'000;

  // Counts the client in, unless a limit is reached; `per_host_max` 0 means none. Who was admitted is released once.
  [[nodiscard]] Admission admit(const IpAddress& client, std::uint32_t per_host_max) noexcept;
  void release(const IpAddress& client) noexcept;

  // The same in two steps, where it is not known yet whose a connection is: first it is a connection of the process, then of
  // the client too. Who is not identified, or not admitted by identify(), is released as nobody's.
  [[nodiscard]] Admission admit_unidentified() noexcept;
  [[nodiscard]] Admission identify(const IpAddress& client, std::uint32_t per_host_max) noexcept;
  void release_unidentified() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }

  // Connections at this moment, of the process and from `client`.
  [[nodiscard]] std::uint32_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t connections_from(const IpAddress& client) noexcept;
  [[nodiscard]] std::uint32_t connections_max() const noexcept { return connections_max_; }

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t count = 0;  // 0: free
  };
  // A part of the table behind a lock of its own: open addressing with linear probing. Held for a few loads and stores.
  struct alignas(64) Stripe {
    std::atomic_flag locked;
    std::vector<Entry> entries;
  };
  class Hold;
  static constexpr std::size_t kStripes = 64;

  [[nodiscard]] std::uint64_t hash(std::uint64_t key) const noexcept;
  [[nodiscard]] Stripe& stripe_of(std::uint64_t hash) noexcept { return stripes_[hash % kStripes]; }
  // The entry of `key`, or the free one where it would go; nullptr when the stripe is full.
  [[nodiscard]] static Entry* find(Stripe& stripe, std::uint64_t key, std::uint64_t hash) noexcept;
  void remove(Stripe& stripe, Entry& entry) noexcept;

  const std::uint32_t connections_max_;
  const std::uint64_t hash_seed_;
  std::atomic<std::uint32_t> connections_{0};
  std::unique_ptr<Stripe[]> stripes_;
};

}  // namespace postern::ingress
