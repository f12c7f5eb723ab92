#include "policy/routing/callout.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"

namespace postern::routing {

namespace {

using smtp::ClientFailure;
using smtp::ClientPhase;
using Place = CalloutVerdict::Place;
using Result_ = CalloutVerdict::Result;

constexpr std::int64_t kPartingMs = 500;
constexpr std::size_t kResponseLinesMax = 10;
constexpr std::size_t kResponseLineBytesMax = 256;

std::int64_t now_s() { return Scheduler::current().wall_now().seconds(); }

// A stranger's words, fit for a log and for another peer.
std::string printable_lines(std::string_view text) {
  std::string lines;
  for (std::size_t n = 0; n < kResponseLinesMax; ++n) {
    const std::size_t end = text.find('\n');
    append_printable(lines, text.substr(0, end), kResponseLineBytesMax);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (n + 1 < kResponseLinesMax) lines += '\n';
  }
  return lines;
}

bool has_8bit(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return smtp::is(smtp::CharClass::high, c); });
}

std::string error_text(const Error& error) {
  switch (error.code) {
    case Errc::refused: return "Connection refused";
    case Errc::timed_out: return "Connection timed out";
    default: return describe(error);
  }
}

std::string failure_text(const ClientFailure& failure) {
  switch (failure.kind) {
    case ClientFailure::Kind::rejected: {
      const std::string response = printable_lines(failure.reply.lines());
      return failure.phase == ClientPhase::mail
                 ? fmt::format("response to \"{}\" was: {}", failure.command, response)
                 : fmt::format("SMTP error from remote mail server after {}: {}", failure.command, response);
    }
    case ClientFailure::Kind::timed_out: return fmt::format("SMTP timeout after {}", failure.command);
    case ClientFailure::Kind::malformed:
      return fmt::format("malformed SMTP reply from remote mail server after {}", failure.command);
    case ClientFailure::Kind::local: return fmt::format("no time was left after {}", failure.command);
    default: return fmt::format("response to \"{}\" was: connection dropped", failure.command);
  }
}

// Stops when the wait ends, by its deadline or by its stop.
class DeadlineStop final : private Timer, private StopListener {
 public:
  DeadlineStop(StopSource& source, const Wait& wait) : source_(source) {
    if (!wait.deadline.is_never()) Scheduler::current().arm(*this, wait.deadline);
    if (wait.stop != nullptr) listen(*wait.stop);
  }
  ~DeadlineStop() override {
    if (Timer::armed()) Scheduler::current().disarm(*this);
  }

 private:
  void on_timer() override { source_.request_stop(); }
  void on_stop() override { source_.request_stop(); }
  StopSource& source_;
};

}  // namespace

// With one server, over a connection that it closes.
class CalloutDialogue {
 public:
  using TlsUse = Callouts::TlsUse;

  CalloutDialogue(Callouts& callouts, const CalloutQuestion& question, const std::string& key, KnownDomain known,
                  const Host& host, TlsUse tls, std::unique_ptr<Stream> stream, StopSource* stop)
      : callouts_(callouts),
        question_(question),
        key_(key),
        known_(known),
        host_(host),
        tls_(tls),
        stop_(stop),
        stream_(std::move(stream)) {
    speak_over_stream(false);
  }

  // Nothing: another server may know.
  Task<std::optional<CalloutVerdict>> run() {
    std::optional<CalloutVerdict> verdict = co_await dialogue();
    if (client_) co_await client_->quit(stop_, kPartingMs);
    if (stream_) co_await stream_->close();
    co_return verdict;
  }
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  // The server offered TLS, and there was none.
  [[nodiscard]] bool tls_failed() const noexcept { return tls_failed_; }

 private:
  static smtp::ClientTimeouts timeouts(const CalloutWords& words) {
    return {.greeting_ms = words.wait_ms, .command_ms = words.wait_ms, .parting_ms = kPartingMs};
  }
  void speak_over_stream(bool greeted) {
    client_.emplace(*stream_, callouts_.pool_,
                    smtp::ClientOptions{.helo_name = std::string(question_.helo_name),
                                        .timeouts = timeouts(question_.words),
                                        .lmtp = question_.lmtp,
                                        .greeted = greeted});
  }

  Task<std::optional<CalloutVerdict>> dialogue() {
    if (auto failed = co_await client_->hello(stop_)) co_return rejected_by(*failed, Place::mail);
    if (co_await begin_tls()) {
      if (auto failed = co_await client_->hello(stop_)) co_return rejected_by(*failed, Place::mail);
    } else if (!trouble_.empty()) {
      co_return std::nullopt;
    }
    if (auto failed = co_await mail(question_.from)) {
      if (failed->reply.is_permanent()) note_mail(Known::rejects);
      std::optional<CalloutVerdict> verdict = rejected_by(*failed, Place::mail);
      if (verdict) verdict->setup_failed = true;
      co_return verdict;
    }
    note_mail(Known::accepts);
    if (!question_.random_local_part.empty() && known_.random != Known::rejects) {
      const auto failed = co_await recipient(fmt::format("{}@{}", question_.random_local_part, question_.domain));
      if (!failed || failed->reply.is_permanent()) note_random(failed ? Known::rejects : Known::accepts);
      if (!failed) co_return CalloutVerdict{.result = Result_::accepted};
      if (!failed->reply.is_permanent()) co_return rejected_by(*failed, Place::recipient);
      if (!co_await begin_again(question_.from)) co_return std::nullopt;
    }
    const auto failed = co_await recipient(question_.address);
    if (!failed || failed->reply.is_permanent()) note_address(failed ? Known::rejects : Known::accepts);
    if (failed) co_return rejected_by(*failed, Place::recipient);
    if (!question_.words.postmaster || known_.postmaster == Known::accepts)
      co_return CalloutVerdict{.result = Result_::accepted};
    co_return co_await ask_about_postmaster();
  }

  // True: TLS is on the stream, and all is said anew. False: the dialogue goes on in clear, unless there is trouble.
  Task<bool> begin_tls() {
    if (tls_ == TlsUse::never) co_return false;
    if (!client_->offer().starttls) {
      if (tls_ == TlsUse::required) trouble_ = "a TLS session is required, but the server did not offer TLS support";
      co_return false;
    }
    if (auto failed = co_await command(ClientPhase::helo, "STARTTLS")) {
      const bool goes_on =
          tls_ == TlsUse::offered && !failed->ends_connection() && (failed->is_permanent() || question_.tls->try_clear);
      const bool is_closed = failed->kind == ClientFailure::Kind::closed;
      if (!goes_on) trouble_ = is_closed ? "Remote host closed connection in response to STARTTLS" : failure_text(*failed);
      co_return false;
    }
    tls_failed_ = true;
    // What came in clear must not pass for what is said over TLS.
    const bool is_in_sync = client_->usable();
    client_.reset();
    if (!is_in_sync) {
      trouble_ = "TLS session: the server said more than that it is ready";
      co_return false;
    }
    const Wait wait{.deadline = Scheduler::current().now().plus_ms(question_.words.wait_ms), .stop = stop_};
    tls::Secured secured = co_await callouts_.tls_.secure(std::move(stream_), host_.name, callouts_.pool_, wait);
    if (!secured.stream) {
      trouble_ = "TLS session: " + (secured.why.empty() ? error_text(secured.error) : printable(secured.why, 256));
      co_return false;
    }
    tls_failed_ = false;
    stream_ = std::move(secured.stream);
    speak_over_stream(true);
    co_return true;
  }

  Task<std::optional<CalloutVerdict>> ask_about_postmaster() {
    if (!co_await begin_again(question_.words.postmaster_mailfrom)) co_return std::nullopt;
    auto failed = co_await recipient(fmt::format("postmaster@{}", question_.domain));
    if (failed && failed->reply.is_permanent() && question_.words.fullpostmaster) failed = co_await recipient("postmaster");
    if (!failed || failed->reply.is_permanent()) note_postmaster(failed ? Known::rejects : Known::accepts);
    if (failed) co_return rejected_by(*failed, Place::postmaster);
    co_return CalloutVerdict{.result = Result_::accepted};
  }

  Task<std::optional<ClientFailure>> command(ClientPhase phase, std::string line) {
    auto reply = co_await client_->ask(phase, std::move(line), stop_);
    if (reply) co_return std::nullopt;
    co_return std::move(reply.error());
  }
  Task<std::optional<ClientFailure>> mail(std::string_view from) {
    const bool wants_utf8 = has_8bit(from) || has_8bit(question_.address);
    const bool says_utf8 = wants_utf8 && client_->offer().parameters.has(smtp::Extension::smtputf8);
    return command(ClientPhase::mail, fmt::format("MAIL FROM:<{}>{}", from, says_utf8 ? " SMTPUTF8" : ""));
  }
  Task<std::optional<ClientFailure>> recipient(std::string_view address) {
    return command(ClientPhase::rcpt, fmt::format("RCPT TO:<{}>", address));
  }

  // A new transaction. False: the server does not want one.
  Task<bool> begin_again(std::string_view from) {
    std::optional<ClientFailure> failed = co_await command(ClientPhase::reset, "RSET");
    if (!failed) failed = co_await mail(from);
    if (failed) trouble_ = failure_text(*failed);
    co_return !failed;
  }

  // What is not a permanent refusal says nothing.
  std::optional<CalloutVerdict> rejected_by(const ClientFailure& failure, Place place) {
    trouble_ = failure_text(failure);
    if (failure.kind != ClientFailure::Kind::rejected || !failure.reply.is_permanent()) return std::nullopt;
    return CalloutVerdict{.result = Result_::rejected,
                          .place = place,
                          .command = failure.command,
                          .response = printable_lines(failure.reply.lines())};
  }

  void note_mail(Known known) {
    if (remembers()) callouts_.cache_.note_mail(question_.domain, question_.from.empty(), known, now_s());
  }
  void note_random(Known known) {
    if (remembers()) callouts_.cache_.note_random(question_.domain, known, now_s());
  }
  void note_postmaster(Known known) {
    if (remembers()) callouts_.cache_.note_postmaster(question_.domain, known, now_s());
  }
  void note_address(Known known) {
    if (remembers()) callouts_.cache_.note_address(key_, known, now_s());
  }
  [[nodiscard]] bool remembers() const noexcept { return !question_.words.no_cache; }

  Callouts& callouts_;
  const CalloutQuestion& question_;
  const std::string& key_;
  KnownDomain known_;
  const Host& host_;
  TlsUse tls_;
  StopSource* stop_;
  std::unique_ptr<Stream> stream_;  // gone where TLS could not be had
  std::optional<smtp::Client> client_;
  std::string trouble_;
  bool tls_failed_ = false;
};

namespace {

std::string key_of(const CalloutQuestion& question) {
  std::string key(question.address);
  if (!question.from.empty()) key.append("/<").append(question.from).append(">");
  return key;
}

CalloutVerdict known_rejection(Place place, bool setup_failed = false) {
  return {.result = Result_::rejected, .place = place, .setup_failed = setup_failed, .from_cache = true};
}

// What the cache says; nothing when the servers are to be asked.
std::optional<CalloutVerdict> known_answer(const CalloutQuestion& question, const KnownDomain& domain, Known address) {
  const CalloutWords& words = question.words;
  if (domain.rejects_all || (question.from.empty() && domain.rejects_null)) return known_rejection(Place::mail, true);
  if (!question.random_local_part.empty() && domain.random == Known::accepts)
    return CalloutVerdict{.result = Result_::accepted};
  if (words.postmaster && domain.postmaster == Known::rejects) return known_rejection(Place::postmaster);
  if (address == Known::rejects) return known_rejection(Place::recipient);
  const bool needs_postmaster = words.postmaster && domain.postmaster == Known::unknown;
  if (address == Known::accepts && !needs_postmaster) return CalloutVerdict{.result = Result_::accepted, .from_cache = true};
  return std::nullopt;
}

std::optional<IpAddress> interface_for(const CalloutQuestion& question, const IpAddress& host) {
  for (const IpAddress& each : question.interfaces)
    if (each.is_v4() == host.is_v4()) return each;
  return std::nullopt;
}

}  // namespace

// What came of one connection.
struct Callouts::Attempt {
  std::optional<CalloutVerdict> verdict;  // nothing: another server may know
  std::string trouble;                    // why it was rejected, or what went wrong
  bool tls_failed = false;
  bool is_over = false;  // there is no time for more
};

Callouts::TlsUse Callouts::tls_use(const CalloutQuestion& question, const Host& host) const {
  if (question.tls == nullptr) return TlsUse::never;
  if (question.tls->require.matches(host.address)) return TlsUse::required;
  const bool avoids = question.tls->avoid.matches(host.address) || question.tls->verify_avoid.matches(host.address);
  return avoids ? TlsUse::never : TlsUse::offered;
}

Task<Callouts::Attempt> Callouts::try_host(const CalloutQuestion& question, const std::string& key, KnownDomain known,
                                           const Host& host, TlsUse tls, Wait wait) {
  Attempt attempt;
  Wait connecting = wait;
  connecting.deadline = std::min(wait.deadline, Scheduler::current().now().plus_ms(question.words.connect_ms));
  auto stream = co_await connector_.connect({host.address, host.port != 0 ? host.port : question.port},
                                            interface_for(question, host.address), connecting);
  if (!stream) {
    attempt.trouble = error_text(stream.error());
    attempt.is_over = stream.error().code == Errc::stopped || Scheduler::current().now() >= wait.deadline;
    co_return attempt;
  }
  // The deadline of all of it ends the dialogue as a client that goes away does.
  StopSource over;
  DeadlineStop ends_with(over, wait);
  CalloutDialogue dialogue(*this, question, key, known, host, tls, std::move(*stream), &over);
  attempt.verdict = co_await dialogue.run();
  attempt.trouble = dialogue.trouble();
  attempt.tls_failed = dialogue.tls_failed();
  attempt.is_over = over.stop_requested();
  co_return attempt;
}

Task<CalloutVerdict> Callouts::ask(CalloutQuestion question, Wait wait) {
  const std::string key = key_of(question);
  KnownDomain known;
  if (!question.words.no_cache) {
    known = cache_.domain(question.domain, now_s());
    if (auto answer = known_answer(question, known, cache_.address(key, now_s()))) co_return std::move(*answer);
  }
  wait.deadline = std::min(wait.deadline, Scheduler::current().now().plus_ms(question.words.wait_max_ms));
  CalloutVerdict verdict;
  if (!co_await slots_.acquire(wait)) {
    verdict.log = "too many callouts are under way";
    co_return verdict;
  }
  for (std::size_t i = 0; i < std::min(question.hosts.size(), kCalloutHostsMax); ++i) {
    const Host& host = question.hosts[i];
    const TlsUse tls = tls_use(question, host);
    Attempt attempt = co_await try_host(question, key, known, host, tls, wait);
    if (attempt.tls_failed && !attempt.is_over && tls == TlsUse::offered && question.tls->try_clear)
      attempt = co_await try_host(question, key, known, host, TlsUse::never, wait);
    const std::string log = fmt::format("{} [{}] : {}", host.name, host.address.to_string(), attempt.trouble);
    if (!attempt.verdict) {
      verdict.log = log;
      if (attempt.is_over) break;
      continue;
    }
    verdict = std::move(*attempt.verdict);
    verdict.host = host.address.to_string();
    if (verdict.result == Result_::rejected) verdict.log = log;
    break;
  }
  slots_.release();
  co_return verdict;
}

}  // namespace postern::routing
