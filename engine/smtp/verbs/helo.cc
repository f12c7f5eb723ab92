// EHLO and HELO, RFC 5321 section 4.1.1.1.
#include <string>

#include "engine/smtp/address.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

// A domain, or an address literal, is not longer.
constexpr std::size_t kHeloBytesMax = 255;

bool is_acceptable(std::string_view name, const SessionOptions& options) noexcept {
  if (name.size() > kHeloBytesMax) return false;
  return options.accept_helo_junk || is_helo_argument(name, options.helo_allow_chars);
}

}  // namespace

// A refused EHLO leaves everything as it was; an accepted one also ends the transaction.
Task<void> Session::helo(bool is_ehlo) {
  if (!is_acceptable(command_.args, options_)) {
    hooks_.event({.kind = SessionEventKind::helo_refused, .text = is_ehlo ? "EHLO" : "HELO"});
    write(is_ehlo ? reply::kInvalidEhlo : reply::kInvalidHelo);
    if (++state_.counters.errors > limits().smtp_max_synprot_errors) {
      hooks_.event({.kind = SessionEventKind::too_many_errors});
      end(NotQuit::bad_command_synprot, kNoReply, true);
    }
    co_return;
  }
  PeerText previous = std::exchange(state_.helo, PeerText(command_.args));
  const Verdict verdict = co_await hooks_.helo();
  if (!verdict.passes()) {
    refuse(Phase::helo, verdict);
    state_.helo = std::move(previous);
    co_return;
  }
  if (options_.enforce_sync && has_input() && !co_await check_sync()) co_return;

  tell_incomplete(is_ehlo ? "EHLO" : "HELO");
  co_await abandon_transaction();
  state_.helo_seen = true;
  state_.esmtp = is_ehlo;
  state_.offered = is_ehlo ? options_.keywords : EhloKeywords();
  state_.pipelining_used = false;
  if (!state_.offers(EhloKeyword::eight_bit_mime)) state_.offered.set(EhloKeyword::smtputf8, false);
  write_helo(verdict);
}

// No enhanced codes here (RFC 2034 section 4), and one line from configuration at most.
void Session::write_helo(const Verdict& verdict) {
  std::string greeting;
  if (verdict.text.empty()) {
    greeting.append(options_.active_hostname).append(" Hello ").append(state_.helo.view());
    greeting.append(" [").append(state_.endpoints.peer.address.to_string()).append("]");
  } else {
    const ConfiguredReply configured = configured_reply(verdict.text, {250, {}, {}});
    greeting.assign(configured.reply.text.substr(0, configured.reply.text.find_first_of("\r\n")));
  }
  std::string text;
  {
    ReplyLines lines(text, 250);
    lines.add(greeting);
    if (state_.esmtp) add_keywords(lines);
  }
  output_.append(text);
}

void Session::add_keywords(ReplyLines& lines) const {
  const auto number = [](std::string_view keyword, std::uint64_t value) {
    return std::string(keyword).append(std::to_string(value));
  };
  const auto add_if_offered = [&](EhloKeyword keyword, std::string_view text) {
    if (state_.offers(keyword)) lines.add(text);
  };
  lines.add(limits().message_size_limit == 0 ? "SIZE" : number("SIZE ", limits().message_size_limit));
  const std::uint32_t mail_max = limits().smtp_accept_max_per_connection;
  const std::uint32_t rcpt_max = limits().recipients_max;
  if (mail_max > 0 || rcpt_max > 0) {
    std::string text = "LIMITS";
    if (mail_max > 0) text += number(" MAILMAX=", mail_max);
    if (rcpt_max > 0) text += number(" RCPTMAX=", rcpt_max);
    add_if_offered(EhloKeyword::limits, text);
  }
  add_if_offered(EhloKeyword::eight_bit_mime, "8BITMIME");
  add_if_offered(EhloKeyword::dsn, "DSN");
  add_if_offered(EhloKeyword::etrn, "ETRN");
  add_if_offered(EhloKeyword::vrfy, "VRFY");
  add_if_offered(EhloKeyword::expn, "EXPN");
  add_if_offered(EhloKeyword::pipelining, "PIPELINING");
  add_if_offered(EhloKeyword::chunking, "CHUNKING");
  add_if_offered(EhloKeyword::smtputf8, "SMTPUTF8");
  add_if_offered(EhloKeyword::enhanced_status_codes, "ENHANCEDSTATUSCODES");
  lines.add("HELP");
}

}  // namespace postern::smtp
