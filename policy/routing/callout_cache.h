// What callouts have found out, for as long as it is believed: of domains, and of addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace postern::routing {

// Seconds for which an answer is believed; callout_... of the main options.
struct CalloutTimes {
  std::int64_t domain_positive_s = 7 * 86'400;
  std::int64_t domain_negative_s = 3 * 3'600;
  std::int64_t positive_s = 86'400;
  std::int64_t negative_s = 2 * 3'600;
};

enum class Known : std::uint8_t { unknown, accepts, rejects };

// Of a domain's servers.
struct KnownDomain {
  bool rejects_all = false;   // MAIL, whatever it says
  bool rejects_null = false;  // MAIL FROM:<>
  Known random = Known::unknown;
  Known postmaster = Known::unknown;
};

// One shard's. Bounded: of what was looked for least recently, half is forgotten at a time.
class CalloutCache {
 public:
  CalloutCache(CalloutTimes times, std::size_t records_max) noexcept : times_(times), records_max_(records_max) {}

  [[nodiscard]] KnownDomain domain(std::string_view name, std::int64_t now_s);
  // `key`: the address, and whom mail came from unless that was nobody.
  [[nodiscard]] Known address(std::string_view key, std::int64_t now_s);

  void note_mail(std::string_view domain, bool was_null, Known known, std::int64_t now_s);
  void note_random(std::string_view domain, Known known, std::int64_t now_s);
  void note_postmaster(std::string_view domain, Known known, std::int64_t now_s);
  void note_address(std::string_view key, Known known, std::int64_t now_s);

  [[nodiscard]] std::size_t size() const noexcept { return young_.size() + old_.size(); }

 private:
  struct Fact {
    Known known = Known::unknown;
    std::int64_t noted_s = 0;
  };
  struct Record {
    Fact all;  // an address's only one
    Fact null;
    Fact random;
    Fact postmaster;
  };
  using Records = std::unordered_map<std::string, Record>;

  [[nodiscard]] static bool is_fresh(const Fact& fact, std::int64_t positive_s, std::int64_t negative_s,
                                     std::int64_t now_s) noexcept;
  [[nodiscard]] Record* find(const std::string& key);
  [[nodiscard]] Record& at(const std::string& key);

  CalloutTimes times_;
  std::size_t records_max_;
  Records young_;
  Records old_;
};

}  // namespace postern::routing
