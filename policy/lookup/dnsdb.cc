#include "policy/lookup/dnsdb.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "engine/coro/scheduler.h"
#include "net/dns/names.h"
#include "policy/lookup/lookup.h"

namespace postern::lookup {

namespace {

using Answer = expand::Answer;

dns::Type type_asked(DnsdbType type) noexcept {
  switch (type) {
    case DnsdbType::a:
    case DnsdbType::a_plus: return dns::Type::a;
    case DnsdbType::aaaa: return dns::Type::aaaa;
    case DnsdbType::cname: return dns::Type::cname;
    case DnsdbType::mx:
    case DnsdbType::mxh: return dns::Type::mx;
    case DnsdbType::ns:
    case DnsdbType::zns: return dns::Type::ns;
    case DnsdbType::ptr: return dns::Type::ptr;
    case DnsdbType::soa: return dns::Type::soa;
    case DnsdbType::srv: return dns::Type::srv;
    case DnsdbType::tlsa: return dns::Type::tlsa;
    case DnsdbType::spf:
    case DnsdbType::txt: break;
  }
  return dns::Type::txt;
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    (text += kDigits[byte >> 4]) += kDigits[byte & 15];
  }
  return text;
}

// One record as text; false when it does not count.
class RecordText {
 public:
  explicit RecordText(const DnsdbQuery& query) : query_(query) {}

  [[nodiscard]] bool append(const dns::Record& record, std::string& out) {
    return std::visit([this, &out](const auto& data) { return put(data, out); }, record.data);
  }

 private:
  [[nodiscard]] std::string_view between() const {
    return query_.field_separator ? std::string_view(*query_.field_separator) : " ";
  }

  [[nodiscard]] bool put(const dns::Address& data, std::string& out) const {
    out += data.address.to_string();
    return true;
  }
  [[nodiscard]] bool put(const dns::HostName& data, std::string& out) const {
    out.append(data.name.view());
    return true;
  }
  [[nodiscard]] bool put(const dns::MailExchanger& data, std::string& out) const {
    if (query_.type == DnsdbType::mx) out.append(std::to_string(data.preference)).append(between());
    out.append(data.exchange.view());
    return true;
  }
  [[nodiscard]] bool put(const dns::Text& data, std::string& out) const {
    const bool spf = query_.type == DnsdbType::spf;
    if (spf && !data.joined().view().starts_with("v=spf1")) return false;
    if (data.strings.empty()) return true;
    if (!spf && !query_.field_separator) {
      out.append(data.strings.front().view());
      return true;
    }
    const std::string_view separator = query_.field_separator ? std::string_view(*query_.field_separator) : std::string_view();
    for (std::size_t i = 0; i < data.strings.size(); ++i)
      out.append(i > 0 ? separator : std::string_view()).append(data.strings[i].view());
    return true;
  }
  [[nodiscard]] bool put(const dns::Service& data, std::string& out) const {
    for (const std::uint16_t number : {data.priority, data.weight, data.port})
      out.append(std::to_string(number)).append(between());
    out.append(data.target.view());
    return true;
  }
  [[nodiscard]] bool put(const dns::TlsAssociation& data, std::string& out) const {
    for (const std::uint8_t number : {data.usage, data.selector, data.matching})
      out.append(std::to_string(number)).append(between());
    out.append(hexadecimal(data.data.view()));
    return true;
  }
  [[nodiscard]] bool put(const dns::Authority& data, std::string& out) const {
    out.append(data.primary.view());
    if (!query_.field_separator) return true;
    out.append(between()).append(data.mailbox.view());
    for (const std::uint32_t number : {data.serial, data.refresh, data.retry, data.expire, data.minimum})
      out.append(between()).append(std::to_string(number));
    return true;
  }

  const DnsdbQuery& query_;
};

// One lookup under way.
class Run {
 public:
  Run(dns::Resolver& resolver, DnsdbQuery query, Wait wait) : resolver_(resolver), query_(std::move(query)), wait_(wait) {
    if (query_.retrans_ms)
      wait_.deadline = std::min(
          wait_.deadline,
          Scheduler::current().now().plus_ms(*query_.retrans_ms * std::clamp<std::int64_t>(query_.retry.value_or(2), 1, 100)));
  }

  Task<DnsdbOutcome> go() {
    for (const std::string& name : query_.names) {
      if (query_.type == DnsdbType::a_plus) co_await ask(name, dns::Type::aaaa);
      if (!given_up_) co_await ask(name, type_asked(query_.type));
      if (given_up_) break;
    }
    DnsdbOutcome outcome;
    if (given_up_ || (!any_ && !why_.empty()))
      outcome.answer = Answer::deferred(std::move(why_));
    else if (any_)
      outcome.answer = Answer::found(std::move(value_), expand::Bytes::peers);
    outcome.dnssec = any_ && all_authenticated_;
    outcome.ttl_s = outcome.answer.status == Answer::Status::deferred ? 0 : ttl_s_;
    co_return outcome;
  }

 private:
  Task<void> ask(std::string name, dns::Type type) {
    if (query_.type == DnsdbType::ptr)
      if (const std::optional<IpAddress> address = IpAddress::parse(name)) name = dns::reverse_name(*address);
    const bool climbs = query_.type == DnsdbType::zns || query_.type == DnsdbType::soa;
    while (true) {
      dns::QueryOptions options;
      options.wait = wait_;
      options.dnssec = query_.dnssec != DnsdbQuery::Dnssec::never;
      const dns::Answer answer = co_await resolver_.query(name, type, options);
      ttl_s_ = std::min(ttl_s_, answer.ttl_s);
      if (!answer.absent()) {
        note(name, type, answer);
        co_return;
      }
      const std::size_t dot = name.find('.');
      if (!climbs || dot == std::string::npos || dot + 1 == name.size()) co_return;
      name.erase(0, dot + 1);
    }
  }

  void note(const std::string& name, dns::Type type, const dns::Answer& answer) {
    const bool trusted = answer.authenticated || query_.dnssec != DnsdbQuery::Dnssec::strict;
    if (!answer.found() || !trusted) {
      if (query_.defer == DnsdbQuery::Defer::never) return;
      why_ = "DNS lookup of " + name + " (" + dns::to_string(type) + "): ";
      why_ += answer.found() ? "the answer is not authenticated" : answer.why;
      given_up_ = query_.defer == DnsdbQuery::Defer::strict;
      return;
    }
    RecordText text(query_);
    for (const dns::Record& record : answer.records) {
      if (value_.size() > kValueBytesMax) {
        why_ = "the records are larger than 256 KiB";
        given_up_ = true;
        return;
      }
      const std::size_t before = value_.size();
      if (any_) value_ += query_.separator;
      if (text.append(record, value_)) {
        any_ = true;
        all_authenticated_ = all_authenticated_ && answer.authenticated;
      } else {
        value_.resize(before);
      }
    }
  }

  dns::Resolver& resolver_;
  DnsdbQuery query_;
  Wait wait_;
  std::string value_;
  std::string why_;
  bool any_ = false;
  bool given_up_ = false;
  bool all_authenticated_ = true;
  std::uint32_t ttl_s_ = std::numeric_limits<std::uint32_t>::max();
};

}  // namespace

Task<DnsdbOutcome> dnsdb_lookup(dns::Resolver& resolver, DnsdbQuery query, Wait wait) {
  Run run(resolver, std::move(query), wait);
  co_return co_await run.go();
}

}  // namespace postern::lookup
