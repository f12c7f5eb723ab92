#include "engine/smtp/client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/client_transaction.h"

namespace postern::smtp {

namespace {

template <class Int>
std::optional<Int> parse_number(std::string_view text) {
  Int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view take_word(std::string_view& line) {
  line = trim_blanks(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// RFC 9422 section 3: NAME=value words.
void read_limits(PeerOffer& offer, std::string_view words) {
  while (!words.empty()) {
    const std::string_view word = take_word(words);
    const std::size_t equals = word.find('=');
    if (equals == word.npos) continue;
    const std::string_view name = word.substr(0, equals);
    const std::optional<std::uint32_t> value = parse_number<std::uint32_t>(word.substr(equals + 1));
    if (!value || *value == 0) continue;
    if (equal_ignoring_case(name, "MAILMAX")) offer.mail_max = value;
    if (equal_ignoring_case(name, "RCPTMAX")) offer.rcpt_max = value;
    if (equal_ignoring_case(name, "RCPTDOMAINMAX")) offer.rcpt_domain_max = value;
  }
}

void read_size(PeerOffer& offer, std::string_view words) {
  offer.parameters.add(Extension::size);
  const std::optional<std::uint64_t> limit = parse_number<std::uint64_t>(take_word(words));
  if (limit && *limit > 0) offer.size_max = limit;  // 0: no fixed limit, RFC 1870 section 4
}

void read_keyword(PeerOffer& offer, std::string_view line) {
  const std::string_view keyword = take_word(line);
  const auto is = [keyword](std::string_view name) { return equal_ignoring_case(keyword, name); };
  if (is("PIPELINING")) offer.pipelining = true;
  if (is("CHUNKING")) offer.chunking = true;
  if (is("ENHANCEDSTATUSCODES")) offer.enhanced_status_codes = true;
  if (is("IGNOREQUOTA")) offer.ignore_quota = true;
  if (is("STARTTLS")) offer.starttls = true;
  if (is("8BITMIME")) offer.parameters.add(Extension::eight_bit_mime);
  if (is("SMTPUTF8")) offer.parameters.add(Extension::smtputf8);
  if (is("DSN")) offer.parameters.add(Extension::dsn);
  if (is("SIZE")) read_size(offer, line);
  if (is("LIMITS")) read_limits(offer, line);
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

ClientFailure::Kind kind_of(Errc error) {
  switch (error) {
    case Errc::timed_out: return ClientFailure::Kind::timed_out;
    case Errc::stopped: return ClientFailure::Kind::local;
    case Errc::bad_format: return ClientFailure::Kind::malformed;
    default: return ClientFailure::Kind::closed;
  }
}

}  // namespace

PeerOffer parse_offer(std::string_view text) {
  PeerOffer offer;
  offer.esmtp = true;
  for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    text.remove_prefix(end + 1);  // the first line is the peer's name
    read_keyword(offer, first_line(text));
  }
  return offer;
}

std::string PeerReply::lines() const {
  std::string out;
  if (code == 0) return out;
  std::string_view rest = text.view();
  for (;;) {
    const std::string_view line = first_line(rest);
    const bool is_last = line.size() == rest.size();
    out += std::to_string(code);
    out += is_last ? ' ' : '-';
    out += line;
    if (is_last) return out;
    out += '\n';
    rest.remove_prefix(line.size() + 1);
  }
}

Client::Client(Stream& stream, BlockPool& pool, ClientOptions options)
    : stream_(stream), pool_(pool), options_(std::move(options)) {}

Wait Client::wait_for(std::int64_t timeout_ms) const { return {Scheduler::current().now().plus_ms(timeout_ms), stop_}; }

bool Client::usable() const {
  const bool may_send_more = !offer_.mail_max || transactions_ < *offer_.mail_max;
  return !broken_ && may_send_more && !stream_.has_input();
}

Task<Result<PeerReply>> Client::read_reply(std::int64_t timeout_ms) {
  const Wait wait = wait_for(timeout_ms);
  parser_.begin();
  for (;;) {
    Result<Slice> input = co_await stream_.read(wait);
    if (!input) {
      broken_ = true;
      co_return failure(input.error());
    }
    const ReplyParser::Step step = parser_.feed(input->view());
    if (step.status == ReplyStatus::need_more) continue;
    input->remove_prefix(step.consumed);
    if (!input->empty()) stream_.unread(std::move(*input));
    if (step.status == ReplyStatus::complete) co_return PeerReply{parser_.code(), parser_.enhanced(), PeerText(parser_.text())};
    broken_ = true;
    co_return failure(Errc::bad_format, "read a reply");
  }
}

Task<Result<void>> Client::write(Chain bytes, std::int64_t timeout_ms) {
  co_return co_await stream_.write(std::move(bytes), wait_for(timeout_ms));
}

Task<Result<PeerReply>> Client::command(std::string line, std::int64_t timeout_ms) {
  OutputBuffer out(pool_);
  out.append(line);
  out.append("\r\n");
  const Result<void> written = co_await write(out.take(), timeout_ms);
  if (!written) co_return co_await last_words(written.error());
  co_return co_await read_reply(timeout_ms);
}

Task<Result<PeerReply>> Client::last_words(Error error) {
  constexpr std::int64_t kLastWordsMs = 1'000;
  if (error.code == Errc::stopped) co_return failure(error);
  const Result<PeerReply> reply = co_await read_reply(kLastWordsMs);
  broken_ = true;
  if (reply && (reply->is_temporary() || reply->is_permanent())) co_return reply;
  co_return failure(error);
}

ClientFailure Client::failure_of(const Result<PeerReply>& reply, ClientPhase phase, std::string command) {
  ClientFailure failure;
  failure.phase = phase;
  failure.lmtp = options_.lmtp;
  failure.command = std::move(command);
  if (!reply) {
    failure.kind = kind_of(reply.error().code);
    failure.error = reply.error();
  } else {
    failure.kind =
        reply->is_temporary() || reply->is_permanent() ? ClientFailure::Kind::rejected : ClientFailure::Kind::malformed;
    failure.reply = *reply;
  }
  if (failure.ends_connection()) broken_ = true;
  return failure;
}

Task<std::optional<ClientFailure>> Client::hello(StopSource* stop) {
  stop_ = stop;
  if (!options_.greeted)
    if (auto failed = co_await hear_greeting()) co_return failed;
  const std::string ehlo = (options_.lmtp ? "LHLO " : "EHLO ") + options_.helo_name;
  Result<PeerReply> reply = co_await command(ehlo, options_.timeouts.command_ms);
  if (reply) helo_response_ = PeerText(first_line(reply->text.view()));
  if (reply && reply->is_positive()) {
    offer_ = parse_offer(reply->text.view());
    co_return std::nullopt;
  }
  if (options_.lmtp || !reply || !reply->is_permanent()) co_return failure_of(reply, ClientPhase::helo, ehlo);
  co_return co_await say_helo();
}

Task<std::optional<ClientFailure>> Client::hear_greeting() {
  const Result<PeerReply> greeting = co_await read_reply(options_.timeouts.greeting_ms);
  if (greeting) greeting_ = PeerText(first_line(greeting->text.view()));
  if (!greeting || !greeting->is_positive()) co_return failure_of(greeting, ClientPhase::greeting, "initial connection");
  if (stream_.has_input())
    co_return failure_of(failure(Errc::bad_format, "greeting"), ClientPhase::greeting, "initial connection");
  co_return std::nullopt;
}

Task<std::optional<ClientFailure>> Client::say_helo() {
  const std::string helo = "HELO " + options_.helo_name;
  const Result<PeerReply> reply = co_await command(helo, options_.timeouts.command_ms);
  if (reply) helo_response_ = PeerText(first_line(reply->text.view()));
  if (!reply || !reply->is_positive()) co_return failure_of(reply, ClientPhase::helo, helo);
  co_return std::nullopt;
}

Task<TransactionOutcome> Client::send(const ClientMessage& message, StopSource* stop) {
  stop_ = stop;
  ClientTransaction transaction(*this, message);
  co_await transaction.run();
  co_return transaction.take_outcome();
}

Task<std::expected<PeerReply, ClientFailure>> Client::ask(ClientPhase phase, std::string line, StopSource* stop) {
  stop_ = stop;
  Result<PeerReply> reply = co_await command(line, options_.timeouts.command_ms);
  if (reply && reply->is_positive()) co_return std::move(*reply);
  co_return std::unexpected(failure_of(reply, phase, std::move(line)));
}

Task<void> Client::quit(StopSource* stop, std::int64_t wait_ms) {
  stop_ = stop;
  if (broken_) co_return;
  broken_ = true;  // nothing follows, whatever the answer
  static_cast<void>(co_await command("QUIT", std::min(wait_ms, options_.timeouts.parting_ms)));
}

}  // namespace postern::smtp
