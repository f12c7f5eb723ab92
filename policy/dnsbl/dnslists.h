// The ACL condition `dnslists`: its syntax, read once, and asking the zones it names.
//
//   zone                            listed when the zone has an address for the client (its address reversed)
//   zone=address,...  zone&mask,... only when one of the zone's addresses is among these; has all bits of one of these
//   zone==...  zone=&...            only when every one of them is so
//   zone!=...  (!& !== !=&)         the opposite
//   text-zone,zone[=...]            the text, and $dnslist_domain, come from another zone, which must list the key too
//   zone[=...]/key:...              these are looked up in place of the client's address; addresses reversed, names as they
//   are.
//                                   The keys are a list of their own: /<; a ; b
//   +include_unknown +exclude_unknown +defer_unknown    what a temporary failure means for the items behind it
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"

namespace postern::dnsbl {

inline constexpr std::size_t kItemsMax = 64;
inline constexpr std::size_t kKeysMax = 64;         // of one item
inline constexpr std::size_t kConstraintsMax = 64;  // of one item
inline constexpr std::size_t kQuestionsMax = 256;   // of one condition

enum class Unknown : std::uint8_t { exclude, include, defer };

struct DnslistItem {
  std::string zone;
  std::string text_zone;  // of the text and of the answer to "which list"; `zone` unless another was named
  std::vector<IpAddress> constraints;
  bool bitmask = false;  // constraints are masks
  bool all = false;      // every address found must meet one
  bool negated = false;
  std::optional<std::vector<std::string>> keys;  // the client's address when there are none
  Unknown unknown = Unknown::exclude;
};

struct DnslistsError {
  std::string message;     // "dnslists: ...", for people, with a remedy where there is one
  std::size_t offset = 0;  // into the text, of the item
};

struct Dnslists {
  std::vector<DnslistItem> items;
  std::vector<std::string> warnings;  // odd, but Exim takes it
};

// Reads an expanded list. When the text holds no `$`, once when the configuration is loaded. Nothing, and `error`, when it
// cannot be read.
[[nodiscard]] std::optional<Dnslists> read_dnslists(std::string_view text, DnslistsError& error);

// How a zone has fared lately.
struct ZoneHealth {
  enum class State : std::uint8_t {
    unknown,
    answering,
    failing,   // temporary failures
    refusing,  // it answers with an error code (127.255.255.0/24), or with what is no listing at all
  };
  State state = State::unknown;
  std::uint64_t listed = 0;
  std::uint64_t not_listed = 0;
  std::uint64_t failures = 0;
  std::uint64_t errors = 0;  // answers that were error codes or outside 127.0.0.0/8
  std::string last_problem;
};

// The zones of one shard. Beyond the cap, zones are not counted.
class ZoneTable {
 public:
  static constexpr std::size_t kZonesMax = 1024;
  [[nodiscard]] const std::map<std::string, ZoneHealth, std::less<>>& zones() const noexcept { return zones_; }
  [[nodiscard]] ZoneHealth* of(std::string_view zone);  // nullptr beyond the cap

 private:
  std::map<std::string, ZoneHealth, std::less<>> zones_;
};

// What the condition says, and what it leaves in variables.
struct DnslistOutcome {
  enum class Result : std::uint8_t { listed, not_listed, deferred };
  Result result = Result::not_listed;
  PeerText domain;                     // $dnslist_domain
  PeerText matched;                    // $dnslist_matched: the key
  PeerText value;                      // $dnslist_value: the addresses found, ", " between them
  PeerText text;                       // $dnslist_text: the first string of the first TXT record
  std::vector<std::string> log_lines;  // zones that began or ceased to fail or refuse; questions beyond kQuestionsMax
  std::vector<std::string>
      defer_lines;  // Exim's, for log_selector +dnslist_defer: each lookup that failed, and what it is taken for
};

// Asks all zones at once and decides in the order of the list: the first that lists decides, and before it one that failed
// where +defer_unknown holds. `client` is what is looked up without keys; without it such items do not match. Suspends until
// enough is known; all questions have ended when it returns. The resolver and the table outlive the call.
[[nodiscard]] Task<DnslistOutcome> check(dns::Resolver& resolver, ZoneTable& zones, Dnslists lists,
                                         std::optional<IpAddress> client, Wait wait);

}  // namespace postern::dnsbl
