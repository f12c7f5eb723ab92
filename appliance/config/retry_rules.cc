#include "appliance/config/retry_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "appliance/config/scan.h"
#include "appliance/config/values.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/nearest.h"

namespace postern::config {

namespace {

using expand::ConfigText;
using smtp::CharClass;

struct ErrorRow {
  std::string_view name;
  Trouble trouble;
  std::optional<bool> host_from_mx;
};

// Beside *, the 4xx kinds and quota_<time>.
constexpr auto kErrors = std::to_array<ErrorRow>({
    {"auth_failed", Trouble::auth_failed, {}},
    {"lookup", Trouble::lookup, {}},
    {"lost_connection", Trouble::lost_connection, {}},
    {"quota", Trouble::quota, {}},
    {"refused", Trouble::refused, {}},
    {"refused_A", Trouble::refused, false},
    {"refused_MX", Trouble::refused, true},
    {"timeout", Trouble::timeout, {}},
    {"timeout_A", Trouble::timeout, false},
    {"timeout_MX", Trouble::timeout, true},
    {"timeout_connect", Trouble::timeout_connect, {}},
    {"timeout_connect_A", Trouble::timeout_connect, false},
    {"timeout_connect_MX", Trouble::timeout_connect, true},
    {"tls_required", Trouble::tls_required, {}},
});

struct CodeRow {
  std::string_view prefix;
  Trouble trouble;
};
constexpr CodeRow kCodes[] = {{"mail_4", Trouble::mail_4xx}, {"rcpt_4", Trouble::rcpt_4xx}, {"data_4", Trouble::data_4xx}};

std::optional<std::int8_t> read_digit(char c) noexcept {
  if (c == 'x') return -1;
  if (smtp::is(CharClass::digit, c)) return static_cast<std::int8_t>(c - '0');
  return std::nullopt;
}

// One rule, word by word.
class RuleReader {
 public:
  RuleReader(const ConfigText& line, lists::ListCompiler& lists, expand::Diagnostics& diagnostics)
      : line_(line), text_(line.view()), lists_(lists), diagnostics_(diagnostics) {}

  std::optional<RetryRule> read() {
    RetryRule rule;
    const ConfigText pattern = take_word();
    if (pattern.view().starts_with('/')) return fail(0, "the pattern of a retry rule cannot be a file name");
    rule.pattern = lists_.one_address(pattern, "the pattern of a retry rule");
    skip_space();
    const std::size_t error_at = at_;
    if (!read_error(take_plain_word(), error_at, rule.error)) return std::nullopt;
    if (!read_senders(rule)) return std::nullopt;
    for (skip_space(); at_ < text_.size(); skip_space())
      if (!read_step(rule)) return std::nullopt;
    return rule;
  }

 private:
  std::nullopt_t fail(std::size_t at, std::string message) {
    diagnostics_.error(line_.position(at), std::move(message));
    return std::nullopt;
  }
  bool refuse(std::size_t at, std::string message) {
    fail(at, std::move(message));
    return false;
  }
  void skip_space() noexcept { at_ = config::skip_space(text_, at_); }
  bool take(char c) noexcept {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_plain_word() noexcept {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  // In double quotes, or up to a blank.
  ConfigText take_word() {
    const std::size_t begin = at_;
    if (text_[at_] != '"') return line_.slice(begin, take_plain_word().size());
    const std::size_t close = std::min(text_.find('"', at_ + 1), text_.size());
    if (close == text_.size()) refuse(begin, "the closing double quote is missing");
    at_ = std::min(close + 1, text_.size());
    return line_.slice(begin + 1, close - begin - 1);
  }

  bool read_error(std::string_view word, std::size_t at, RetryError& error) {
    if (word.empty()) return refuse(at, "a retry rule has the form: pattern error steps; * stands for any error");
    error.any = word == "*";
    if (error.any) return true;
    const auto* const row = std::ranges::find(kErrors, word, &ErrorRow::name);
    if (row != kErrors.end()) {
      error.trouble = row->trouble;
      error.host_from_mx = row->host_from_mx;
      return true;
    }
    for (const CodeRow& code : kCodes)
      if (word.starts_with(code.prefix) && word.size() == code.prefix.size() + 2) return read_code(word, at, code, error);
    if (word.starts_with("quota_"))
      return refuse(at, fmt::format("\"{}\": the age of a mailbox is not looked at yet: write quota", printable(word, 64)));
    expand::Nearest nearest(word);
    for (const ErrorRow& known : kErrors) nearest.offer(known.name);
    for (const std::string_view known : {"mail_4xx", "rcpt_4xx", "data_4xx"}) nearest.offer(known);
    return refuse(at, fmt::format("unknown retry error \"{}\"{}", printable(word, 64), nearest.question()));
  }

  bool read_code(std::string_view word, std::size_t at, const CodeRow& row, RetryError& error) {
    const auto second = read_digit(word[row.prefix.size()]);
    const auto third = read_digit(word[row.prefix.size() + 1]);
    if (!second || !third || (*second == -1 && *third != -1))
      return refuse(at, fmt::format("\"{}\": write 4xx, or digits for both x or for the first", printable(word, 64)));
    error.trouble = row.trouble;
    error.second_digit = *second;
    error.third_digit = *third;
    return true;
  }

  bool read_senders(RetryRule& rule) {
    skip_space();
    if (!text_.substr(at_).starts_with("senders")) return true;
    at_ += 7;
    skip_space();
    if (!take('=')) return refuse(at_, "\"=\" is missing after \"senders\"");
    skip_space();
    if (at_ >= text_.size()) return refuse(at_, "the list of senders is missing");
    rule.senders = lists_.addresses(take_word(), "senders of a retry rule");
    return true;
  }

  // "F,2h,15m" or "G,16h,1h,1.5", and the semicolon behind it.
  bool read_step(RetryRule& rule) {
    const std::size_t begin = at_;
    RetryStep step;
    switch (smtp::upper(text_[at_++])) {
      case 'F': step.algorithm = RetryAlgorithm::fixed; break;
      case 'G': step.algorithm = RetryAlgorithm::geometric; break;
      case 'H': step.algorithm = RetryAlgorithm::randomized; break;
      default: return refuse(begin, fmt::format("\"{}\": a step begins with F, G or H, as in F,2h,15m", text_[begin]));
    }
    if (!read_time_argument(step.cutoff_s) || !read_time_argument(step.interval_s)) return false;
    if (step.algorithm != RetryAlgorithm::fixed && !read_factor(step.factor_thousandths)) return false;
    skip_space();
    if (at_ < text_.size() && !take(';')) return refuse(at_, "steps are separated by semicolons");
    if (step.cutoff_s <= 0 || step.interval_s <= 0 || step.factor_thousandths < 1000)
      return refuse(begin, "times must be longer than 0s, and a factor is at least 1");
    if (!rule.steps.empty() && step.cutoff_s <= rule.steps.back().cutoff_s)
      diagnostics_.warning(line_.position(begin), "this step is never used: it ends no later than the one before it");
    rule.steps.push_back(step);
    return true;
  }

  std::string_view take_argument() noexcept {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (smtp::is(CharClass::let_dig, text_[at_]) || text_[at_] == '.')) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  bool read_time_argument(std::int64_t& seconds) {
    if (!take(','))
      return refuse(at_, "a comma and a time are missing here: a step is F,cutoff,interval or G,cutoff,interval,factor");
    skip_space();
    const std::size_t begin = at_;
    std::string why;
    const auto value = read_time(take_argument(), why);
    if (!value) return refuse(begin, why);
    seconds = *value;
    return true;
  }
  bool read_factor(std::int64_t& thousandths) {
    if (!take(',')) return refuse(at_, "a comma and a factor are missing here: a step is G,cutoff,interval,factor");
    skip_space();
    const std::size_t begin = at_;
    std::string why;
    const auto value = read_fixed(take_argument(), why);
    if (!value) return refuse(begin, why);
    thousandths = *value;
    return true;
  }

  const ConfigText& line_;
  std::string_view text_;
  lists::ListCompiler& lists_;
  expand::Diagnostics& diagnostics_;
  std::size_t at_ = 0;
};

// The step whose cutoff has not passed, or the last.
const RetryStep& step_at(const RetryRule& rule, std::int64_t since_first_failure_s) noexcept {
  for (const RetryStep& step : rule.steps)
    if (since_first_failure_s < step.cutoff_s) return step;
  return rule.steps.back();
}

}  // namespace

bool RetryError::matches(const TroubleFacts& facts) const noexcept {
  if (any) return true;
  const bool covered = trouble == facts.trouble || (trouble == Trouble::timeout && facts.trouble == Trouble::timeout_connect);
  if (!covered || (host_from_mx && *host_from_mx != facts.host_from_mx)) return false;
  const int second = facts.smtp_code / 10 % 10;
  const int third = facts.smtp_code % 10;
  return (second_digit < 0 || second_digit == second) && (third_digit < 0 || third_digit == third);
}

void RetryRules::add(const ConfigText& line, lists::ListCompiler& lists, expand::Diagnostics& diagnostics) {
  if (auto rule = RuleReader(line, lists, diagnostics).read()) rules_.push_back(std::move(*rule));
}

const RetryRule* RetryRules::find(std::string_view subject, std::string_view alternate, const TroubleFacts& facts,
                                  std::string_view sender) const noexcept {
  for (const RetryRule& rule : rules_) {
    if (!rule.error.matches(facts)) continue;
    if (!rule.pattern.matches(subject) && (alternate.empty() || !rule.pattern.matches(alternate))) continue;
    if (rule.senders && !rule.senders->matches(sender)) continue;
    return &rule;
  }
  return nullptr;
}

RetryDecision next_attempt(const RetryRule& rule, std::int64_t since_first_failure_s, std::int64_t last_wait_s,
                           std::int64_t retry_interval_max_s, Random& random) {
  if (since_first_failure_s >= rule.last_cutoff_s()) return {.expired = true, .wait_s = 0};
  const RetryStep& step = step_at(rule, since_first_failure_s);
  std::int64_t wait = step.interval_s;
  const std::int64_t grown = static_cast<std::int64_t>(
      std::min<__int128>(static_cast<__int128>(last_wait_s) * step.factor_thousandths / 1000, retry_interval_max_s));
  const std::int64_t spread = grown - step.interval_s;
  if (step.algorithm == RetryAlgorithm::geometric && last_wait_s >= step.interval_s) {
    wait = grown;
  } else if (step.algorithm == RetryAlgorithm::randomized && spread > 1) {
    // The upper half of what lies between the interval and the growth of the last wait.
    wait += spread / 2 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spread / 2 + 1)));
  }
  return {.expired = false, .wait_s = std::min(wait, retry_interval_max_s)};
}

}  // namespace postern::config
