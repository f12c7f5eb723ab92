#include "net/dns/cache.h"

#include <algorithm>
#include <utility>

namespace postern::dns {
namespace {

constexpr std::size_t kEntryBytes = 256;   // the entry itself, its nodes and its place in the table
constexpr std::size_t kRecordBytes = 112;  // with what the allocator adds

void write_key(std::string& key, std::string_view name, Type type) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  key.assign(name);
  std::ranges::transform(key, key.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  key += '\0';
  key += static_cast<char>(static_cast<unsigned>(type) >> 8U);
  key += static_cast<char>(static_cast<unsigned>(type) & 0xffU);
}

struct DataBytes {
  std::size_t operator()(const Address&) const { return 0; }
  std::size_t operator()(const HostName& host) const { return host.name.size(); }
  std::size_t operator()(const MailExchanger& mx) const { return mx.exchange.size(); }
  std::size_t operator()(const Text& text) const {
    std::size_t bytes = 0;
    for (const PeerText& part : text.strings) bytes += part.size() + sizeof part;
    return bytes;
  }
  std::size_t operator()(const Service& service) const { return service.target.size(); }
  std::size_t operator()(const TlsAssociation& association) const { return association.data.size(); }
  std::size_t operator()(const Authority& soa) const { return soa.primary.size() + soa.mailbox.size(); }
};

std::size_t bytes_of(std::string_view key, const Answer& answer) {
  std::size_t bytes = kEntryBytes + 2 * key.size() + answer.name.size();
  for (const PeerText& alias : answer.aliases) bytes += alias.size() + sizeof alias;
  for (const Record& record : answer.records) bytes += kRecordBytes + std::visit(DataBytes{}, record.data);
  return bytes;
}

}  // namespace

void AnswerCache::keep(std::string_view name, Type type, bool dnssec, Answer answer, Instant now) {
  if (answer.status == Status::temporary_failure) return;
  const std::uint32_t ttl_s = answer.found() ? std::min(std::max(answer.ttl_s, limits_.ttl_min_s), limits_.ttl_max_s)
                                             : std::min(answer.ttl_s, limits_.absence_ttl_max_s);
  write_key(key_, name, type);
  if (const auto old = by_key_.find(key_); old != by_key_.end()) remove(old->second);
  if (ttl_s == 0) return;
  const std::size_t bytes = bytes_of(key_, answer);
  if (bytes > limits_.bytes / 4) return;
  answer.from_cache = true;
  const Instant until = now.plus_ms(std::int64_t{ttl_s} * 1000);
  const Instant stale_until = answer.found() ? until.plus_ms(std::int64_t{limits_.stale_max_s} * 1000) : until;
  by_use_.push_front({key_, std::move(answer), until, stale_until, bytes, dnssec});
  by_key_.emplace(by_use_.front().key, by_use_.begin());
  bytes_ += bytes;
  while (by_use_.size() > limits_.entries || bytes_ > limits_.bytes) remove(std::prev(by_use_.end()));
}

AnswerCache::Entry* AnswerCache::known(std::string_view name, Type type, bool dnssec, Instant now) {
  write_key(key_, name, type);
  const auto found = by_key_.find(key_);
  if (found == by_key_.end()) return nullptr;
  const Entries::iterator entry = found->second;
  if (std::max(entry->until, entry->stale_until) <= now) return remove(entry), nullptr;
  if (dnssec && !entry->dnssec && !entry->answer.authenticated) return nullptr;
  return &*entry;
}

const Answer* AnswerCache::find(std::string_view name, Type type, bool dnssec, Instant now) {
  Entry* entry = known(name, type, dnssec, now);
  if (entry == nullptr || entry->until <= now) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, by_key_.find(entry->key)->second);
  entry->answer.ttl_s = static_cast<std::uint32_t>((entry->until.ns - now.ns) / 1'000'000'000);
  return &entry->answer;
}

bool AnswerCache::has_stand_in(std::string_view name, Type type, bool dnssec, Instant now) {
  const Entry* entry = known(name, type, dnssec, now);
  return entry != nullptr && entry->answer.found() && entry->stale_until > now;
}

const Answer* AnswerCache::stand_in(std::string_view name, Type type, bool dnssec, Instant now) {
  if (!has_stand_in(name, type, dnssec, now)) return nullptr;
  Entry& entry = *known(name, type, dnssec, now);
  entry.until = std::max(entry.until, now.plus_ms(std::int64_t{kStandInS} * 1000));
  entry.answer.authenticated = false;
  entry.answer.stale = true;
  return find(name, type, dnssec, now);
}

void AnswerCache::clear() {
  by_key_.clear();
  by_use_.clear();
  bytes_ = 0;
}

void AnswerCache::remove(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  by_use_.erase(entry);
}

}  // namespace postern::dns
