// Asking the DNS. All that policy knows of it: questions, typed answers, and that a failure is never an absence.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"

namespace postern::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,   // RFC 2782; client SMTP authorization (CSA) stands in these, at _client._smtp
  tlsa = 52,  // RFC 6698
};
// "MX"; "TYPE65" for one without a name here (RFC 3597).
[[nodiscard]] std::string to_string(Type type);

enum class Status : std::uint8_t {
  ok,                 // there is at least one record of the type asked for
  no_data,            // the name exists, without such records
  nxdomain,           // the name does not exist (RFC 8020), or is none that could
  temporary_failure,  // nothing is known: no answer in time, SERVFAIL, REFUSED, nonsense. Never an absence
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;

// Names in answers are text as in names.h, letters as the server wrote them.
struct Address {  // A, AAAA
  IpAddress address;
};
struct HostName {  // PTR, NS, CNAME
  PeerText name;
};
struct MailExchanger {  // MX. RFC 7505: a null MX is preference 0 with exchange "."
  std::uint16_t preference = 0;
  PeerText exchange;
};
struct Text {  // TXT: the strings as they stood in the record
  std::vector<PeerText> strings;
  // All of them without anything between (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2).
  [[nodiscard]] PeerText joined() const;
};
struct Service {  // SRV
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  PeerText target;
};
struct TlsAssociation {  // TLSA
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  PeerText data;  // bytes, not hexadecimal digits
};
struct Authority {  // SOA; times in seconds
  PeerText primary;
  PeerText mailbox;
  std::uint32_t serial = 0;
  std::uint32_t refresh = 0;
  std::uint32_t retry = 0;
  std::uint32_t expire = 0;
  std::uint32_t minimum = 0;  // how long an absence is remembered (RFC 2308 section 4)
};
using RecordData = std::variant<Address, HostName, MailExchanger, Text, Service, TlsAssociation, Authority>;

struct Record {
  std::uint32_t ttl_s = 0;
  RecordData data;
};

// What is known about one question. Records are of the type that was asked for, in the order of the server, without
// duplicates.
struct Answer {
  Status status = Status::temporary_failure;
  bool authenticated = false;  // the AD bit (RFC 4035 section 3.2.3) of a server that is believed; also of absences
  bool from_cache = false;
  bool stale = false;       // past its TTL, because no server says anything (RFC 8767); never an absence, never authenticated
  std::uint32_t ttl_s = 0;  // how long this may be kept from now: the least of the records' and aliases', or of the absence
  PeerText name;            // whose the records are: the name asked for, or the end of its CNAMEs
  std::vector<PeerText> aliases;  // the name asked for and the CNAMEs passed before `name`; empty when there were none
  std::vector<Record> records;
  std::string why;  // of a temporary failure, for logs: "no answer from [127.0.0.1]:53 in 5s", "SERVFAIL from ..."

  [[nodiscard]] bool found() const noexcept { return status == Status::ok; }
  [[nodiscard]] bool absent() const noexcept { return status == Status::no_data || status == Status::nxdomain; }
  // Calls `use(const T&)` for every record that holds a T.
  template <class T, class Use>
  void each(Use&& use) const {
    for (const Record& record : records)
      if (const T* data = std::get_if<T>(&record.data)) use(*data);
  }
};

struct QueryOptions {
  Wait wait;            // ends the question early, as a temporary failure; the resolver's own bound holds as well
  bool dnssec = false;  // signatures are wanted (the DO bit); the AD bit is asked for in any case
  bool search = false;  // a name with few dots is tried with the endings of resolv.conf's `search`, as ndots says
};

// One shard's. Outlives the questions put to it.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // `name` is text as in names.h, with or without a dot at the end; one that cannot be a domain name has Status::nxdomain.
  // Suspends unless the answer is known. A temporary failure takes at most kQueryMsMax.
  [[nodiscard]] virtual Task<Answer> query(std::string name, Type type, QueryOptions options) = 0;
  // The answer when it is known already, without a coroutine; nullptr when it would have to be asked for. Borrowed until the
  // next call of this object.
  [[nodiscard]] virtual const Answer* cached(std::string_view name, Type type) = 0;

  static constexpr std::int64_t kQueryMsMax = 60'000;
};

}  // namespace postern::dns
