#include "net/dns/message.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "net/dns/names.h"

namespace postern::dns {
namespace {

constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kTypeOpt = 41;

// Of the flags word.
constexpr unsigned kIsReply = 0x8000;
constexpr unsigned kOpcode = 0x7800;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRecursionDesired = 0x0100;
constexpr unsigned kRecursionAvailable = 0x0080;
constexpr unsigned kAuthenticData = 0x0020;

void append_u16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xffU);
  out += static_cast<char>(value & 0xffU);
}

// Reads forward through a message; once something does not fit, everything after fails too.
class Reader {
 public:
  explicit Reader(std::string_view message, std::size_t at = 0) noexcept : message_(message), at_(at) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  void fail() noexcept { ok_ = false; }

  std::uint8_t u8() noexcept {
    if (!ok_ || at_ >= message_.size()) return fail(), std::uint8_t{0};
    return static_cast<std::uint8_t>(message_[at_++]);
  }
  std::uint16_t u16() noexcept {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8U | u8());
  }
  std::uint32_t u32() noexcept {
    const std::uint32_t high = u16();
    return high << 16U | u16();
  }
  std::string_view bytes(std::size_t count) noexcept {
    if (!ok_ || count > message_.size() - at_) return fail(), std::string_view{};
    at_ += count;
    return message_.substr(at_ - count, count);
  }

  // A name, with its compression undone (RFC 1035 section 4.1.4), as wire form without pointers. Every pointer goes to before
  // what was read of the name so far, so that none can come round.
  std::string name() {
    std::string wire;
    std::size_t from = at_;   // where the present run of labels is read
    std::size_t limit = at_;  // a pointer goes to before this
    bool jumped = false;
    for (;;) {
      if (!ok_ || from >= message_.size()) return fail(), std::string();
      const auto length = static_cast<std::uint8_t>(message_[from]);
      if ((length & 0xc0U) == 0xc0U) {
        if (from + 1 >= message_.size()) return fail(), std::string();
        const std::size_t to = (length & 0x3fU) << 8U | static_cast<std::uint8_t>(message_[from + 1]);
        if (!jumped) at_ = from + 2;
        if (to >= limit || to < kHeaderBytes) return fail(), std::string();
        jumped = true;
        from = limit = to;
        continue;
      }
      if (length > kLabelBytesMax || message_.size() - from < std::size_t{length} + 1 ||
          wire.size() + length + 1 > kNameBytesMax)
        return fail(), std::string();
      wire.append(message_.substr(from, std::size_t{length} + 1));
      from += std::size_t{length} + 1;
      if (length == 0) break;
    }
    if (!jumped) at_ = from;
    return wire;
  }

 private:
  std::string_view message_;
  std::size_t at_;
  bool ok_ = true;
};

// Of a whole wire name.
std::string wire_to_text(std::string_view wire) {
  if (wire.size() <= 1) return ".";
  std::string text;
  for (std::size_t at = 0; wire[at] != 0; at += static_cast<std::uint8_t>(wire[at]) + std::size_t{1}) {
    if (!text.empty()) text += '.';
    append_label(text, wire.substr(at + 1, static_cast<std::uint8_t>(wire[at])));
  }
  return text;
}

PeerText read_name(Reader& reader) {
  const std::string wire = reader.name();
  return reader.ok() ? PeerText(wire_to_text(wire)) : PeerText();
}

struct Header {
  std::uint16_t id = 0;
  unsigned flags = 0;
  std::array<std::uint16_t, 4> counts{};  // questions, answers, authority, additional
};

Header read_header(Reader& reader) {
  Header header;
  header.id = reader.u16();
  header.flags = reader.u16();
  for (std::uint16_t& count : header.counts) count = reader.u16();
  return header;
}

struct RecordHead {
  std::string owner;  // wire form
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::uint32_t ttl = 0;
  std::uint16_t length = 0;
};

RecordHead read_record_head(Reader& reader) {
  RecordHead head;
  head.owner = reader.name();
  head.type = reader.u16();
  head.record_class = reader.u16();
  head.ttl = reader.u32();
  head.length = reader.u16();
  return head;
}

// RFC 2181 section 8.
std::uint32_t sane_ttl(std::uint32_t ttl) noexcept { return ttl > 0x7fffffffU ? 0 : ttl; }

Text read_text(Reader& reader, std::size_t end) {
  Text text;
  while (reader.ok() && reader.at() < end) text.strings.emplace_back(reader.bytes(reader.u8()));
  return text;
}

Authority read_authority(Reader& reader) {
  Authority soa;
  soa.primary = read_name(reader);
  soa.mailbox = read_name(reader);
  soa.serial = reader.u32();
  soa.refresh = reader.u32();
  soa.retry = reader.u32();
  soa.expire = reader.u32();
  soa.minimum = reader.u32();
  return soa;
}

RecordData read_address(Reader& reader, bool v6) {
  const std::string_view bytes = reader.bytes(v6 ? 16 : 4);
  std::array<std::uint8_t, 16> copy{};
  std::ranges::copy(bytes, copy.begin());
  if (v6) return Address{IpAddress::v6(copy)};
  return Address{
      IpAddress::v4(std::uint32_t{copy[0]} << 24U | std::uint32_t{copy[1]} << 16U | std::uint32_t{copy[2]} << 8U | copy[3])};
}

// The data of a record of one of the types we know; it fills its length exactly.
RecordData read_data(Reader& reader, Type type, std::size_t length) {
  const std::size_t end = reader.at() + length;
  RecordData data;
  switch (type) {
    case Type::a: data = read_address(reader, false); break;
    case Type::aaaa: data = read_address(reader, true); break;
    case Type::ns:
    case Type::cname:
    case Type::ptr: data = HostName{read_name(reader)}; break;
    case Type::mx: {
      const std::uint16_t preference = reader.u16();
      data = MailExchanger{preference, read_name(reader)};
      break;
    }
    case Type::txt: data = read_text(reader, end); break;
    case Type::srv: {
      Service service;
      service.priority = reader.u16();
      service.weight = reader.u16();
      service.port = reader.u16();
      service.target = read_name(reader);
      data = std::move(service);
      break;
    }
    case Type::tlsa: {
      TlsAssociation association;
      association.usage = reader.u8();
      association.selector = reader.u8();
      association.matching = reader.u8();
      if (reader.ok() && reader.at() <= end) association.data = PeerText(reader.bytes(end - reader.at()));
      data = std::move(association);
      break;
    }
    case Type::soa: data = read_authority(reader); break;
  }
  if (reader.at() != end) reader.fail();
  return data;
}

struct Owned {
  std::string owner;
  Record record;
};

struct Alias {
  std::string owner;
  std::string target;
  std::uint32_t ttl_s = 0;
};

struct Sections {
  std::vector<Owned> records;  // of the type asked for
  std::vector<Alias> aliases;
  std::optional<std::uint32_t> absence_ttl_s;  // of the zone's SOA
  bool edns = false;
  unsigned extended_code = 0;
};

bool read_answers(Reader& reader, std::size_t count, Type type, Sections& into) {
  if (count > kRecordsMax) return false;
  for (std::size_t i = 0; i < count; ++i) {
    RecordHead head = read_record_head(reader);
    if (!reader.ok()) return false;
    const std::size_t start = reader.at();
    if (head.record_class == kClassIn && head.type == static_cast<std::uint16_t>(type)) {
      into.records.push_back({std::move(head.owner), {sane_ttl(head.ttl), read_data(reader, type, head.length)}});
    } else if (head.record_class == kClassIn && head.type == static_cast<std::uint16_t>(Type::cname)) {
      std::string target = reader.name();
      if (reader.at() != start + head.length || into.aliases.size() == kAliasesMax) return false;
      into.aliases.push_back({std::move(head.owner), std::move(target), sane_ttl(head.ttl)});
    } else {
      static_cast<void>(reader.bytes(head.length));
    }
    if (!reader.ok()) return false;
  }
  return true;
}

bool read_authorities(Reader& reader, std::size_t count, Sections& into) {
  for (std::size_t i = 0; i < count; ++i) {
    const RecordHead head = read_record_head(reader);
    if (!reader.ok()) return false;
    if (head.record_class == kClassIn && head.type == static_cast<std::uint16_t>(Type::soa)) {
      const RecordData data = read_data(reader, Type::soa, head.length);
      into.absence_ttl_s = std::min(sane_ttl(head.ttl), sane_ttl(std::get<Authority>(data).minimum));  // RFC 2308 section 5
    } else {
      static_cast<void>(reader.bytes(head.length));
    }
    if (!reader.ok()) return false;
  }
  return true;
}

bool read_additional(Reader& reader, std::size_t count, Sections& into) {
  for (std::size_t i = 0; i < count; ++i) {
    const RecordHead head = read_record_head(reader);
    if (reader.ok() && head.type == kTypeOpt) {
      into.edns = true;
      into.extended_code = head.ttl >> 24U;
    }
    static_cast<void>(reader.bytes(head.length));
    if (!reader.ok()) return false;
  }
  return true;
}

bool same_data(const RecordData& left, const RecordData& right);

struct SameData {
  bool operator()(const Address& a, const Address& b) const { return a.address == b.address; }
  bool operator()(const HostName& a, const HostName& b) const { return same_name(a.name.view(), b.name.view()); }
  bool operator()(const MailExchanger& a, const MailExchanger& b) const {
    return a.preference == b.preference && same_name(a.exchange.view(), b.exchange.view());
  }
  bool operator()(const Text& a, const Text& b) const { return a.strings == b.strings; }
  bool operator()(const Service& a, const Service& b) const {
    return a.priority == b.priority && a.weight == b.weight && a.port == b.port && same_name(a.target.view(), b.target.view());
  }
  bool operator()(const TlsAssociation& a, const TlsAssociation& b) const {
    return a.usage == b.usage && a.selector == b.selector && a.matching == b.matching && a.data == b.data;
  }
  bool operator()(const Authority& a, const Authority& b) const { return a.serial == b.serial && a.primary == b.primary; }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

bool same_data(const RecordData& left, const RecordData& right) { return std::visit(SameData{}, left, right); }

// Follows the aliases from the name asked for. Returns the name at the end, on the wire; nothing when they go in a circle.
std::optional<std::string> follow_aliases(const Sections& sections, const std::string& from, Answer& answer) {
  std::string name = from;
  for (std::size_t steps = 0; steps <= sections.aliases.size(); ++steps) {
    const auto alias = std::ranges::find_if(sections.aliases, [&](const Alias& a) { return same_name(a.owner, name); });
    if (alias == sections.aliases.end()) return name;
    answer.aliases.emplace_back(wire_to_text(name));
    answer.ttl_s = std::min(answer.ttl_s, alias->ttl_s);
    name = alias->target;
  }
  return std::nullopt;
}

void take_records(Sections& sections, const std::string& owner, Answer& answer) {
  for (Owned& owned : sections.records) {
    if (!same_name(owned.owner, owner)) continue;
    answer.ttl_s = std::min(answer.ttl_s, owned.record.ttl_s);
    const bool there =
        std::ranges::any_of(answer.records, [&](const Record& r) { return same_data(r.data, owned.record.data); });
    if (!there) answer.records.push_back(std::move(owned.record));
  }
}

void conclude(Reply& reply, Sections& sections, const Question& question, bool recursive) {
  Answer& answer = reply.answer;
  answer.ttl_s = 0x7fffffff;
  const auto fail = [&answer](std::string why) {
    answer.status = Status::temporary_failure;
    answer.ttl_s = 0;
    answer.why = std::move(why);
  };
  answer.name = PeerText(wire_to_text(question.wire_name));
  if (reply.code != ResponseCode::no_error && reply.code != ResponseCode::nxdomain) return fail(to_string(reply.code));
  if (reply.truncated) return fail("truncated");
  const std::optional<std::string> owner = follow_aliases(sections, question.wire_name, answer);
  if (!owner) return fail("CNAMEs in a circle");
  answer.name = PeerText(wire_to_text(*owner));
  take_records(sections, *owner, answer);
  if (!answer.records.empty()) {
    // A name that does not exist has no records.
    if (reply.code == ResponseCode::nxdomain) return answer.records.clear(), fail("NXDOMAIN with records");
    answer.status = Status::ok;
    return;
  }
  // A referral of a server that only knows its own zones says nothing about the name.
  if (reply.code == ResponseCode::no_error && !sections.absence_ttl_s && !recursive) return fail("no recursion");
  answer.status = reply.code == ResponseCode::nxdomain ? Status::nxdomain : Status::no_data;
  answer.ttl_s = std::min(answer.ttl_s, sections.absence_ttl_s.value_or(0));
}

}  // namespace

std::string make_query(std::uint16_t id, const Question& question, const QueryForm& form) {
  std::string out;
  out.reserve(kHeaderBytes + question.wire_name.size() + 4 + 11);
  append_u16(out, id);
  append_u16(out, kRecursionDesired | kAuthenticData);
  append_u16(out, 1);
  append_u16(out, 0);
  append_u16(out, 0);
  append_u16(out, form.edns ? 1 : 0);
  out += question.wire_name;
  append_u16(out, static_cast<unsigned>(question.type));
  append_u16(out, kClassIn);
  if (!form.edns) return out;
  out += '\0';  // RFC 6891 section 6.1.2: the root, OPT, size, extended code and version, flags, no options
  append_u16(out, kTypeOpt);
  append_u16(out, kDatagramBytesMax);
  append_u16(out, 0);
  append_u16(out, form.dnssec ? 0x8000 : 0);
  append_u16(out, 0);
  return out;
}

std::string to_string(ResponseCode code) {
  switch (code) {
    case ResponseCode::no_error: return "NOERROR";
    case ResponseCode::format_error: return "FORMERR";
    case ResponseCode::server_failure: return "SERVFAIL";
    case ResponseCode::nxdomain: return "NXDOMAIN";
    case ResponseCode::not_implemented: return "NOTIMP";
    case ResponseCode::refused: return "REFUSED";
  }
  return "response code " + std::to_string(static_cast<unsigned>(code));
}

std::optional<ReplyHead> read_reply_head(std::string_view message) {
  if (message.size() > kMessageBytesMax) return std::nullopt;
  Reader reader(message);
  const Header header = read_header(reader);
  if (!reader.ok() || (header.flags & kIsReply) == 0 || (header.flags & kOpcode) != 0 || header.counts[0] != 1)
    return std::nullopt;
  static_cast<void>(reader.name());
  static_cast<void>(reader.u32());
  if (!reader.ok()) return std::nullopt;
  return ReplyHead{header.id, (header.flags & kTruncated) != 0, reader.at()};
}

std::optional<Reply> read_reply(std::string_view message, std::uint16_t id, const Question& question) {
  const std::optional<ReplyHead> head = read_reply_head(message);
  if (!head || head->id != id) return std::nullopt;
  Reader reader(message);
  const Header header = read_header(reader);
  if (!same_name(reader.name(), question.wire_name) || reader.u16() != static_cast<std::uint16_t>(question.type) ||
      reader.u16() != kClassIn)
    return std::nullopt;
  Reply reply;
  reply.truncated = head->truncated;
  reply.authentic_data = (header.flags & kAuthenticData) != 0;
  Sections sections;
  if (!reply.truncated &&  // what a truncated one holds is asked for again
      (!read_answers(reader, header.counts[1], question.type, sections) ||
       !read_authorities(reader, header.counts[2], sections) || !read_additional(reader, header.counts[3], sections)))
    return std::nullopt;
  reply.edns = sections.edns;
  reply.code = static_cast<ResponseCode>((header.flags & 15U) | sections.extended_code << 4U);
  conclude(reply, sections, question, (header.flags & kRecursionAvailable) != 0);
  return reply;
}

}  // namespace postern::dns
