#include "policy/dmarc/record.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "engine/smtp/chars.h"

namespace postern::dmarc {

namespace {

using smtp::CharClass;
using smtp::equal_ignoring_case;
using smtp::trim_blanks;

struct Tag {
  std::string_view name;
  std::string_view value;
};

// Takes the piece before the next `separator` off the front.
std::string_view take_piece(std::string_view& rest, char separator) noexcept {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

std::optional<Tag> read_tag(std::string_view text) noexcept {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) return std::nullopt;
  const Tag tag{trim_blanks(text.substr(0, equals)), trim_blanks(text.substr(equals + 1))};
  // RFC 6376 section 3.2: ALPHA *ALNUMPUNC.
  const bool is_name = !tag.name.empty() && smtp::is(CharClass::alpha, tag.name.front()) &&
                       std::ranges::all_of(tag.name, [](char c) { return smtp::is(CharClass::let_dig, c) || c == '_'; });
  if (!is_name) return std::nullopt;
  return tag;
}

bool is_version(const Tag& tag) noexcept { return equal_ignoring_case(tag.name, "v") && tag.value == "DMARC1"; }

std::optional<std::vector<Tag>> read_tags(std::string_view text) {
  if (text.size() > kRecordBytesMax || !is_record(text)) return std::nullopt;
  std::vector<Tag> tags;
  while (!text.empty()) {
    const std::string_view piece = trim_blanks(take_piece(text, ';'));
    if (piece.empty()) continue;
    const std::optional<Tag> tag = read_tag(piece);
    if (!tag || tags.size() == kTagsMax) return std::nullopt;
    if (std::ranges::any_of(tags, [&](const Tag& other) { return equal_ignoring_case(other.name, tag->name); }))
      return std::nullopt;
    tags.push_back(*tag);
  }
  return tags;
}

std::optional<Policy> read_policy(std::string_view value) noexcept {
  for (const Policy policy : {Policy::none, Policy::quarantine, Policy::reject})
    if (equal_ignoring_case(value, to_string(policy))) return policy;
  return std::nullopt;
}

template <class Number>
std::optional<Number> read_number(std::string_view digits) noexcept {
  Number number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

void read_mode(std::string_view value, AlignmentMode& mode) noexcept {
  if (equal_ignoring_case(value, "s")) mode = AlignmentMode::strict;
}

FailureOptions read_failure_options(std::string_view value) noexcept {
  FailureOptions options{.all_failed = false};
  while (!value.empty()) {
    const std::string_view word = trim_blanks(take_piece(value, ':'));
    options.all_failed |= word == "0";
    options.any_failed |= word == "1";
    options.dkim_failed |= equal_ignoring_case(word, "d");
    options.spf_failed |= equal_ignoring_case(word, "s");
  }
  const bool has_one = options.all_failed || options.any_failed || options.dkim_failed || options.spf_failed;
  return has_one ? options : FailureOptions{};
}

// True unless all formats named are others.
bool read_formats(std::string_view value) noexcept {
  bool names_other = false;
  while (!value.empty()) {
    const std::string_view word = trim_blanks(take_piece(value, ':'));
    if (equal_ignoring_case(word, "afrf")) return true;
    names_other |= !word.empty() && smtp::all_of(CharClass::ldh, word);
  }
  return !names_other;
}

// RFC 3986 sections 2 and 3.1, with something behind the scheme.
bool is_uri(std::string_view text) noexcept {
  constexpr std::string_view kExtra = "-._~:/?#[]@$&'()*+=%";
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size()) return false;
  const std::string_view scheme = text.substr(0, colon);
  if (!smtp::is(CharClass::alpha, scheme.front())) return false;
  for (const char c : scheme)
    if (!smtp::is(CharClass::ldh, c) && c != '+' && c != '.') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!smtp::is(CharClass::let_dig, text[i]) && kExtra.find(text[i]) == kExtra.npos) return false;
    if (text[i] != '%') continue;
    const std::string_view digits = text.substr(i + 1, 2);
    if (digits.size() != 2 || !smtp::all_of(CharClass::hex, digits)) return false;
  }
  return true;
}

// 1*DIGIT ["k" / "m" / "g" / "t"]: powers of 2^10.
std::optional<std::uint64_t> read_size(std::string_view text) noexcept {
  constexpr std::string_view kUnits = "kmgt";
  unsigned shift = 0;
  if (!text.empty()) {
    if (const std::size_t unit = kUnits.find(smtp::lower(text.back())); unit != kUnits.npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  const auto number = read_number<std::uint64_t>(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::optional<ReportUri> read_uri(std::string_view text) {
  const std::size_t mark = text.find('!');
  ReportUri uri{.uri = std::string(text.substr(0, mark)), .bytes_max = std::nullopt};
  if (!is_uri(uri.uri)) return std::nullopt;
  if (mark == text.npos) return uri;
  uri.bytes_max = read_size(text.substr(mark + 1));
  if (!uri.bytes_max) return std::nullopt;
  return uri;
}

std::vector<ReportUri> read_uris(std::string_view value) {
  std::vector<ReportUri> uris;
  while (!value.empty() && uris.size() < kReportUrisMax)
    if (auto uri = read_uri(trim_blanks(take_piece(value, ',')))) uris.push_back(std::move(*uri));
  return uris;
}

struct Policies {
  std::optional<Policy> p;
  std::optional<Policy> sp;
  std::optional<Policy> np;
  bool are_valid = true;
};

Policies read_policies(const std::vector<Tag>& tags) noexcept {
  Policies policies;
  for (const Tag& tag : tags) {
    std::optional<Policy>* place = nullptr;
    if (equal_ignoring_case(tag.name, "p")) place = &policies.p;
    if (equal_ignoring_case(tag.name, "sp")) place = &policies.sp;
    if (equal_ignoring_case(tag.name, "np")) place = &policies.np;
    if (place == nullptr) continue;
    *place = read_policy(tag.value);
    // Of np section 6.6.3 knows nothing: a faulty one is as none.
    policies.are_valid &= place->has_value() || place == &policies.np;
  }
  policies.are_valid &= policies.p.has_value();
  return policies;
}

void read_value(const Tag& tag, Record& record) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(tag.name, name); };
  if (is("adkim")) read_mode(tag.value, record.dkim_alignment);
  if (is("aspf")) read_mode(tag.value, record.spf_alignment);
  if (is("fo")) record.failure_options = read_failure_options(tag.value);
  if (is("rf")) record.wants_afrf = read_formats(tag.value);
  if (is("rua")) record.aggregate_uris = read_uris(tag.value);
  if (is("ruf")) record.failure_uris = read_uris(tag.value);
  if (is("ri")) record.report_interval_s = read_number<std::uint32_t>(tag.value).value_or(record.report_interval_s);
  if (is("pct"))
    if (const auto percent = read_number<unsigned>(tag.value); percent && *percent <= 100) record.percent = *percent;
}

}  // namespace

std::string_view to_string(Policy policy) noexcept {
  switch (policy) {
    case Policy::none: return "none";
    case Policy::quarantine: return "quarantine";
    case Policy::reject: return "reject";
  }
  return "none";
}

bool is_record(std::string_view text) noexcept {
  const std::optional<Tag> first = read_tag(take_piece(text, ';'));
  return first && is_version(*first);
}

std::optional<Record> read_record(std::string_view text) {
  const auto tags = read_tags(text);
  if (!tags) return std::nullopt;
  Record record;
  for (const Tag& tag : *tags) read_value(tag, record);
  const Policies policies = read_policies(*tags);
  if (policies.are_valid) {
    record.policy = *policies.p;
    record.subdomain_policy = policies.sp;
    record.nonexistent_policy = policies.np;
    return record;
  }
  if (record.aggregate_uris.empty()) return std::nullopt;
  return record;
}

std::optional<ReportAuthorization> read_report_authorization(std::string_view text) {
  const auto tags = read_tags(text);
  if (!tags) return std::nullopt;
  Record record;
  for (const Tag& tag : *tags) read_value(tag, record);
  return ReportAuthorization{std::move(record.aggregate_uris), std::move(record.failure_uris)};
}

}  // namespace postern::dmarc
