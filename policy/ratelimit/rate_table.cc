#include "policy/ratelimit/rate_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <vector>

#include "engine/base/check.h"

namespace postern::ratelimit {

namespace {

constexpr std::string_view kFirstLine = "postern ratelimit 1\n";
constexpr std::size_t kLineBytesUsual = 96;
constexpr std::size_t kSliceKeys = 500;
constexpr std::size_t kSliceBytes = 64 * 1024;

std::string bounded(const std::string& key) {
  if (key.size() <= RateTable::kKeyBytesMax) return key;
  return key.substr(0, RateTable::kKeyBytesMax - 17) + fmt::format("#{:016x}", hash_of(key));
}

bool is_plain(char c) noexcept { return c > ' ' && c <= '~' && c != '%'; }

void append_escaped(std::string& to, std::string_view key) {
  for (const char c : key) {
    if (is_plain(c))
      to += c;
    else
      fmt::format_to(std::back_inserter(to), "%{:02x}", static_cast<unsigned char>(c));
  }
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string key;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!is_plain(text[i])) return std::nullopt;
      key += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (error != std::errc() || end != text.data() + i + 3) return std::nullopt;
    key += static_cast<char>(value);
    i += 2;
  }
  return key;
}

// Takes what stands before the next blank off the front.
std::string_view take_word(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <class Number>
bool read_number(std::string_view word, Number& into, auto... base) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into, base...);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

}  // namespace

// FNV-1a.
std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

RateTable::Entry* RateTable::find(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  leave_place(found->second);
  order_.splice(order_.begin(), order_, found->second);
  return &order_.front();
}

RateTable::Entry& RateTable::insert(std::string key) {
  if (order_.size() >= kKeysMax) forget_last();
  order_.emplace_front();
  order_.front().key = std::move(key);
  order_.front().saved_by = savings_;  // younger than what is being saved
  by_key_.emplace(order_.front().key, order_.begin());
  return order_.front();
}

// `entry` is about to move or to go; whoever is saving remembers its place by it.
void RateTable::leave_place(Order::iterator entry) {
  if (saving_ != nullptr && saving_->next_ == entry) ++saving_->next_;
}

void RateTable::forget_last() {
  leave_place(std::prev(order_.end()));
  Entry& last = order_.back();
  unique_total_ -= last.unique.size();
  by_key_.erase(last.key);
  order_.pop_back();
}

bool RateTable::is_new_event(Entry& entry, const Question& question, std::int64_t now_us) {
  const auto period_us = static_cast<std::int64_t>(std::min(question.period_s, 1e9) * 1e6);
  if (now_us - entry.unique_since_us >= period_us || now_us < entry.unique_since_us) {
    unique_total_ -= entry.unique.size();
    entry.unique.clear();
    entry.unique_since_us = now_us;
  }
  const std::uint64_t hash = hash_of(*question.unique);
  if (entry.unique.contains(hash)) return false;
  if (question.update == Update::readonly) return true;
  if (entry.unique.size() < kUniqueMax && unique_total_ < kUniqueTotalMax) {
    entry.unique.insert(hash);
    ++unique_total_;
  }
  return true;
}

Verdict RateTable::ask(const Question& question, WallTime now) {
  const std::int64_t now_us = now.us;
  const bool readonly = question.update == Update::readonly;
  std::string key = bounded(question.key);
  Entry* entry = find(key);
  if (entry == nullptr && readonly) return {.over = 0.0 >= question.limit, .rate = 0};
  const bool is_first = entry == nullptr;
  if (is_first) entry = &insert(std::move(key));
  double count = readonly ? 0 : question.count;
  if (question.unique && !is_new_event(*entry, question, now_us)) count = 0;
  double rate = count;
  if (!is_first) {
    const std::int64_t interval_us = std::max<std::int64_t>(now_us - entry->at_us, 1);
    const double periods = static_cast<double>(interval_us) / 1e6 / question.period_s;
    const double kept = std::exp(-periods);
    rate = count * (1 - kept) / periods + kept * entry->rate;
    // An event on its own is one event a period, however long the silence before it was.
    rate = std::max(rate, count);
  }
  const Verdict verdict{.over = rate >= question.limit, .rate = rate};
  if (readonly) return verdict;
  if (is_first || !verdict.over || question.update == Update::strict) {
    ++changes_;
    // In leaky mode a first event beyond the limit leaves no rate, only its place.
    entry->rate = is_first && verdict.over && question.update == Update::leaky ? 0 : rate;
    entry->at_us = now_us;
    entry->period_s = question.period_s;
  }
  return verdict;
}

RateTable::Saving::Saving(RateTable& table) : table_(table), number_(++table.savings_), next_(table.order_.end()) {
  POSTERN_CHECK(table.saving_ == nullptr);
  table.saving_ = this;
  text_.reserve(kFirstLine.size() + table.keys() * kLineBytesUsual);
  text_ = kFirstLine;
}

bool RateTable::Saving::add_slice() {
  const std::size_t begin = text_.size();
  for (std::size_t visited = 0; next_ != table_.order_.begin(); ++visited) {
    if (visited == kSliceKeys || text_.size() - begin > kSliceBytes) return true;
    --next_;
    if (std::exchange(next_->saved_by, number_) != number_) add(*next_);
  }
  return false;
}

void RateTable::Saving::add(const Entry& entry) {
  append_escaped(text_, entry.key);
  fmt::format_to(std::back_inserter(text_), " {} {} {} {}", entry.at_us, entry.rate, entry.period_s, entry.unique_since_us);
  for (const std::uint64_t hash : entry.unique) fmt::format_to(std::back_inserter(text_), " {:x}", hash);
  text_ += '\n';
}

bool RateTable::load(std::string_view text, bool (*is_ours)(std::string_view, const void*), const void* context) {
  if (!text.starts_with(kFirstLine)) return false;
  text.remove_prefix(kFirstLine.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || !load_line(text.substr(0, end), is_ours, context)) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

bool RateTable::load_line(std::string_view line, bool (*is_ours)(std::string_view, const void*), const void* context) {
  std::optional<std::string> key = unescaped(take_word(line));
  if (!key || key->empty() || key->size() > kKeyBytesMax) return false;
  std::int64_t at_us = 0;
  double rate = 0;
  double period_s = 0;
  std::int64_t since_us = 0;
  if (!read_number(take_word(line), at_us) || !read_number(take_word(line), rate) || !read_number(take_word(line), period_s) ||
      !read_number(take_word(line), since_us))
    return false;
  if (!std::isfinite(rate) || rate < 0 || !std::isfinite(period_s) || period_s <= 0) return false;
  std::vector<std::uint64_t> hashes;
  while (!line.empty()) {
    std::uint64_t hash = 0;
    if (!read_number(take_word(line), hash, 16) || hashes.size() >= kUniqueMax) return false;
    hashes.push_back(hash);
  }
  if (!is_ours(*key, context)) return true;
  Entry* entry = find(*key);
  if (entry != nullptr && entry->at_us >= at_us) return true;
  if (entry == nullptr) entry = &insert(std::move(*key));
  entry->at_us = at_us;
  entry->rate = rate;
  entry->period_s = period_s;
  entry->unique_since_us = since_us;
  unique_total_ -= entry->unique.size();
  entry->unique = {hashes.begin(), hashes.end()};
  unique_total_ += entry->unique.size();
  return true;
}

}  // namespace postern::ratelimit
