#include "policy/routing/callout_cache.h"

#include "engine/smtp/chars.h"

namespace postern::routing {

namespace {

// Domains are alike in either case, and no address begins with a blank.
std::string domain_key(std::string_view name) {
  std::string key = " ";
  smtp::append_lower(key, name);
  return key;
}

}  // namespace

bool CalloutCache::is_fresh(const Fact& fact, std::int64_t positive_s, std::int64_t negative_s, std::int64_t now_s) noexcept {
  if (fact.known == Known::unknown) return false;
  return now_s - fact.noted_s < (fact.known == Known::accepts ? positive_s : negative_s);
}

CalloutCache::Record* CalloutCache::find(const std::string& key) {
  if (const auto found = young_.find(key); found != young_.end()) return &found->second;
  if (!old_.contains(key)) return nullptr;
  return &at(key);
}

CalloutCache::Record& CalloutCache::at(const std::string& key) {
  const auto known = young_.find(key);
  if (known != young_.end()) return known->second;
  Record record;
  if (const auto aged = old_.find(key); aged != old_.end()) {
    record = aged->second;
    old_.erase(aged);
  }
  if (young_.size() >= records_max_ / 2) {
    old_ = std::move(young_);
    young_.clear();
  }
  return young_.emplace(key, record).first->second;
}

KnownDomain CalloutCache::domain(std::string_view name, std::int64_t now_s) {
  const Record* const record = find(domain_key(name));
  if (record == nullptr) return {};
  const auto fresh = [&](const Fact& fact) {
    return is_fresh(fact, times_.domain_positive_s, times_.domain_negative_s, now_s) ? fact.known : Known::unknown;
  };
  return {.rejects_all = fresh(record->all) == Known::rejects,
          .rejects_null = fresh(record->null) == Known::rejects,
          .random = fresh(record->random),
          .postmaster = fresh(record->postmaster)};
}

Known CalloutCache::address(std::string_view key, std::int64_t now_s) {
  const Record* const record = find(std::string(key));
  if (record == nullptr || !is_fresh(record->all, times_.positive_s, times_.negative_s, now_s)) return Known::unknown;
  return record->all.known;
}

void CalloutCache::note_mail(std::string_view domain, bool was_null, Known known, std::int64_t now_s) {
  Record& record = at(domain_key(domain));
  (was_null ? record.null : record.all) = {known, now_s};
}

void CalloutCache::note_random(std::string_view domain, Known known, std::int64_t now_s) {
  at(domain_key(domain)).random = {known, now_s};
}

void CalloutCache::note_postmaster(std::string_view domain, Known known, std::int64_t now_s) {
  at(domain_key(domain)).postmaster = {known, now_s};
}

void CalloutCache::note_address(std::string_view key, Known known, std::int64_t now_s) {
  at(std::string(key)).all = {known, now_s};
}

}  // namespace postern::routing
