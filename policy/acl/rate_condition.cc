#include "policy/acl/rate_condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace postern::acl {

namespace {

using ratelimit::Mode;
using ratelimit::RateWords;

constexpr Phases kMessage =
    set_of(Phase::mail, Phase::rcpt, Phase::predata, Phase::data, Phase::mime, Phase::dkim, Phase::prdr);

// Where there is no message, what is counted are connections unless it is said.
Mode mode_of(const RateWords& words, const AclSubject& subject) {
  const bool is_in_message = !subject.phase || (set_of(*subject.phase) & kMessage) != 0;
  return words.mode_is_given || words.count || is_in_message ? words.mode : Mode::per_conn;
}

// What makes events one and the same: the connection, the message, or the command.
std::vector<KnownRate>& known_rates(AclState& state, const RateWords& words, Mode mode) {
  if (words.update == ratelimit::Update::readonly) return state.command_rates;
  switch (mode) {
    case Mode::per_conn: return state.connection_rates;
    case Mode::per_mail:
    case Mode::per_byte: return state.message_rates;
    case Mode::per_rcpt:
    case Mode::per_cmd:
    case Mode::per_addr: break;
  }
  return state.command_rates;
}

double events(const RateWords& words, const AclSubject& subject) {
  if (words.count) return *words.count;
  if (words.mode == Mode::per_byte) return static_cast<double>(subject.message_bytes.value_or(0));
  // Before DATA the recipients are counted one by one, at RCPT.
  if (words.mode == Mode::per_rcpt && subject.phase && *subject.phase != Phase::rcpt) return subject.recipients;
  return 1;
}

// The mode that cannot be used here; empty when it can.
std::string_view misplaced(const RateWords& words, const AclSubject& subject) {
  if (!subject.phase) return {};
  constexpr Phases kText = set_of(Phase::mail, Phase::rcpt, Phase::data, Phase::mime, Phase::dkim, Phase::prdr);
  const Phases here = set_of(*subject.phase);
  if (mode_of(words, subject) == Mode::per_mail && !words.count && (here & kMessage) == 0) return "per_mail";
  if (words.mode == Mode::per_byte && (here & kText) == 0) return "per_byte";
  if (words.mode == Mode::per_rcpt && (here & (kMessage & ~set_of(Phase::mail))) == 0) return "per_rcpt";
  if (words.mode == Mode::per_addr && *subject.phase != Phase::rcpt) return "per_addr";
  return {};
}

ratelimit::Question question_of(const RateWords& words, const AclSubject& subject) {
  std::optional<std::string> unique = words.unique;
  if (words.mode == Mode::per_addr && !unique) unique = std::string(subject.recipient);
  const std::string key = words.key ? *words.key : subject.client.to_string();
  return {.key = fmt::format("{}/{}/{}{}", words.period_text, ratelimit::to_string(mode_of(words, subject)),
                             unique ? "unique/" : "", key),
          .count = events(words, subject),
          .limit = words.limit,
          .period_s = words.period_s,
          .update = words.update,
          .unique = std::move(unique)};
}

Truth say(Doing& doing, const RateWords& words, double rate) {
  if (AclState* const state = doing.subject.state) {
    state->sender_rate = fmt::format("{:.1f}", rate);
    state->sender_rate_limit = words.limit_text;
    state->sender_rate_period = words.period_text;
  }
  return rate >= words.limit ? Truth::yes : Truth::no;
}

Truth remember(Doing& doing, const RateWords& words, const std::string& key, double rate) {
  if (AclState* const state = doing.subject.state) {
    std::vector<KnownRate>& known = known_rates(*state, words, mode_of(words, doing.subject));
    if (known.size() < AclState::kRatesMax) known.push_back({key, rate});
  }
  return say(doing, words, rate);
}

}  // namespace

Truth test_rate(Doing& doing) {
  const WordsOf<RateWords> words_of(doing, ratelimit::read_rate_words);
  const RateWords* const words = words_of.get();
  if (words == nullptr) return Truth::error;
  if (const std::string_view mode = misplaced(*words, doing.subject); !mode.empty()) {
    doing.why = fmt::format(
        "error in arguments to \"ratelimit\" condition: \"{}\" must not have /leaky or /strict option, or cannot be used in {} "
        "ACL",
        mode, definition_of(*doing.subject.phase).name);
    return Truth::error;
  }
  if (doing.subject.world == nullptr) {
    doing.why = "rate limits cannot be used here";
    return Truth::error;
  }
  const ratelimit::Question question = question_of(*words, doing.subject);
  if (AclState* const state = doing.subject.state) {
    const std::vector<KnownRate>& known = known_rates(*state, *words, mode_of(*words, doing.subject));
    const auto found = std::ranges::find(known, question.key, &KnownRate::key);
    if (found != known.end()) return say(doing, *words, found->rate);
  }
  const std::optional<ratelimit::Verdict> verdict = doing.subject.world->ask_rate_now(question);
  if (!verdict) return Truth::waits;
  return remember(doing, *words, question.key, verdict->rate);
}

Task<Truth> ask_rate(Doing& doing) {
  const WordsOf<RateWords> words_of(doing, ratelimit::read_rate_words);
  const RateWords& words = *words_of.get();
  const ratelimit::Question question = question_of(words, doing.subject);
  const std::optional<ratelimit::Verdict> verdict = co_await doing.subject.world->ask_rate(question);
  if (!verdict) {
    doing.why = "ratelimit: no answer from the shard that keeps this rate";
    co_return Truth::unknown;
  }
  co_return remember(doing, words, question.key, verdict->rate);
}

Truth test_dnslists(Doing& doing) {
  if (doing.subject.world != nullptr && doing.subject.world->resolver() != nullptr) return Truth::waits;
  doing.why = "DNS lists cannot be asked here";
  return Truth::error;
}

Task<Truth> ask_dnslists(Doing& doing) {
  const auto& told = std::get<Told<dnsbl::Dnslists>>(doing.step->argument);
  std::optional<dnsbl::Dnslists> read = told.words;
  if (!read) {
    dnsbl::DnslistsError error;
    read = dnsbl::read_dnslists(doing.text, error);
    if (!read) {
      doing.why = std::move(error.message);
      co_return Truth::error;
    }
  }
  AclWorld& world = *doing.subject.world;
  const dnsbl::DnslistOutcome outcome =
      co_await dnsbl::check(*world.resolver(), world.zones(), std::move(*read), doing.subject.client, world.wait());
  if (doing.subject.listener != nullptr)
    for (const std::string& line : outcome.log_lines) doing.subject.listener->note({.main = true}, line);
  switch (outcome.result) {
    case dnsbl::DnslistOutcome::Result::not_listed: co_return Truth::no;
    case dnsbl::DnslistOutcome::Result::deferred: doing.why = "DNS list lookup defer"; co_return Truth::unknown;
    case dnsbl::DnslistOutcome::Result::listed: break;
  }
  if (AclState* const state = doing.subject.state) {
    state->dnslist_domain = outcome.domain.view();
    state->dnslist_matched = outcome.matched.view();
    state->dnslist_value = outcome.value.view();
    state->dnslist_text = outcome.text.view();
  }
  co_return Truth::yes;
}

}  // namespace postern::acl
