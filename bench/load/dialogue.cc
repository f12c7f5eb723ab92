#include "bench/load/dialogue.h"

#include <algorithm>

#include "engine/base/check.h"

namespace postern::load {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x >= 'a' && x <= 'z' ? x - 32 : x) == y; });
}

// Whether the reply to EHLO has `keyword`, in capitals, at the start of a line behind the first.
bool offers(std::string_view text, std::string_view keyword) {
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    text.remove_prefix(end + 1);
    if (same_word(text.substr(0, text.find_first_of(" \n")), keyword)) return true;
  }
  return false;
}

bool is_of_transaction(Step step) { return step >= Step::mail && step <= Step::message; }

}  // namespace

Dialogue::Dialogue(const Script& script, MessageSource& source, Figures& figures, BlockPool& pool, Random& random)
    : script_(script), source_(source), figures_(figures), pool_(pool), random_(random) {
  expected_.push_back(Step::greeting);
}

void Dialogue::receive(std::string_view bytes, Instant now, Chain& out) {
  while (!bytes.empty() && !done_) {
    const auto [status, consumed] = parser_.feed(bytes);
    bytes.remove_prefix(consumed);
    if (status == smtp::ReplyStatus::need_more) return;
    if (status != smtp::ReplyStatus::complete) return fail(Failure::malformed);
    on_reply(now, out);
  }
}

void Dialogue::on_reply(Instant now, Chain& out) {
  const int code = parser_.code();
  if (expected_.empty()) return fail(code == 421 ? Failure::shut_down : Failure::uncalled);
  const Step step = expected_.front();
  expected_.pop_front();
  ++figures_.counts.replies[static_cast<std::size_t>(step)][static_cast<std::size_t>(code)];
  if (code == 421) {
    if (is_of_transaction(step)) {
      ++figures_.counts.refused;
      ++answered_;
      transactions_.pop_front();
    }
    return fail(Failure::shut_down);
  }
  switch (step) {
    case Step::greeting:
      if (code != 220) return fail(Failure::greeting);
      return say(Step::ehlo, "EHLO " + script_.helo + "\r\n", out);
    case Step::ehlo:
    case Step::helo: return on_hello(step, code, now, out);
    case Step::mail: return on_mail(code, now, out);
    case Step::rcpt: return on_rcpt(code, now, out);
    case Step::data: return on_data(code, now, out);
    case Step::bdat:
    case Step::message: return on_end(code, now, out);
    case Step::rset: awaits_reset_ = false; return go_on(now, out);
    case Step::quit: return end(false);
  }
}

void Dialogue::on_hello(Step step, int code, Instant now, Chain& out) {
  if (code == 250) {
    if (step == Step::ehlo) learn_offer(parser_.text());
    if (pipeline_ < script_.pipeline || bdat_ != script_.bdat) ++figures_.counts.not_offered;
    ++figures_.counts.connections;
    ready_ = true;
    return go_on(now, out);
  }
  if (step == Step::helo || code < 500) return fail(Failure::hello);
  say(Step::helo, "HELO " + script_.helo + "\r\n", out);
}

void Dialogue::learn_offer(std::string_view text) {
  bdat_ = script_.bdat && offers(text, "CHUNKING");
  if (!offers(text, "PIPELINING")) return;
  pipeline_ = bdat_ ? script_.pipeline : std::min<std::size_t>(script_.pipeline, 2);
}

void Dialogue::on_mail(int code, Instant now, Chain& out) {
  Transaction& transaction = transactions_.front();
  transaction.mail_accepted = code == 250;
  if (pipeline_ > 0) return;
  if (!transaction.mail_accepted) return refuse(now, out);
  ask_rcpt(transaction, out);
}

void Dialogue::on_rcpt(int code, Instant now, Chain& out) {
  Transaction& transaction = transactions_.front();
  ++transaction.recipients_answered;
  if (code / 100 == 2) ++transaction.recipients_accepted;
  if (pipeline_ > 0) return;
  if (transaction.recipients_answered < script_.envelope.recipients()) return ask_rcpt(transaction, out);
  if (transaction.recipients_accepted == 0) return refuse(now, out);
  if (bdat_) return send_text(transaction, now, out);
  say(Step::data, "DATA\r\n", out);
}

void Dialogue::on_data(int code, Instant now, Chain& out) {
  if (code != 354) return refuse(now, out);
  send_text(transactions_.front(), now, out);
  go_on(now, out);
}

void Dialogue::on_end(int code, Instant now, Chain& out) {
  if (code != 250) return refuse(now, out);
  const Transaction& transaction = transactions_.front();
  const std::int64_t final_ns = now.ns - transaction.text_queued.ns;
  const std::int64_t transaction_ns = now.ns - transaction.due.since.ns;
  figures_.latencies.record(final_ns, transaction_ns);
  figures_.second.record(final_ns, transaction_ns);
  figures_.counts.accepted_bytes += transaction.bytes;
  ++figures_.counts.accepted;
  ++answered_;
  transactions_.pop_front();
  go_on(now, out);
}

// The server forgets the sender at the end of a text, whatever it says to that (RFC 5321 section 4.1.1.4); for a chunk that it
// did not take, RFC 3030 section 2 leaves that open.
void Dialogue::refuse(Instant now, Chain& out) {
  const Transaction& transaction = transactions_.front();
  if (transaction.mail_accepted && (bdat_ || !transaction.text_sent)) needs_reset_ = true;
  ++figures_.counts.refused;
  ++answered_;
  transactions_.pop_front();
  go_on(now, out);
}

bool Dialogue::may_begin() const noexcept {
  if (awaits_reset_ || (script_.per_connection != 0 && begun_ == script_.per_connection)) return false;
  if (transactions_.empty()) return true;
  return !needs_reset_ && transactions_.size() < pipeline_ && transactions_.back().text_sent;
}

void Dialogue::go_on(Instant now, Chain& out) {
  if (quitting_ || done_) return;
  if (needs_reset_ && transactions_.empty()) {
    needs_reset_ = false;
    awaits_reset_ = pipeline_ == 0;
    say(Step::rset, "RSET\r\n", out);
  }
  while (may_begin()) {
    const std::optional<Due> due = source_.take(now);
    if (!due) break;
    begin(*due, now, out);
  }
  const bool no_more = source_.is_over() || (script_.per_connection != 0 && begun_ == script_.per_connection);
  if (!no_more || !transactions_.empty() || awaits_reset_) return;
  if (!script_.quit) return end(false);
  quitting_ = true;
  say(Step::quit, "QUIT\r\n", out);
}

void Dialogue::look_again(Instant now, Chain& out) {
  POSTERN_CHECK(wants_message());
  go_on(now, out);
}

void Dialogue::begin(const Due& due, Instant now, Chain& out) {
  ++begun_;
  ++figures_.counts.begun;
  Transaction& transaction = transactions_.emplace_back(Transaction{.due = due});
  expected_.push_back(Step::mail);
  if (pipeline_ == 0) return script_.envelope.append_mail(out, pool_, due.number);
  script_.envelope.append_group(out, pool_, due.number, !bdat_);
  expected_.insert(expected_.end(), script_.envelope.recipients(), Step::rcpt);
  if (bdat_) return send_text(transaction, now, out);
  expected_.push_back(Step::data);
}

void Dialogue::ask_rcpt(Transaction& transaction, Chain& out) {
  expected_.push_back(Step::rcpt);
  script_.envelope.append_rcpt(out, pool_, transaction.due.number, transaction.recipients_answered);
}

void Dialogue::send_text(Transaction& transaction, Instant now, Chain& out) {
  Messages::Text text = script_.messages.draw(random_);
  if (bdat_) {
    text = text.without_dot();
    say(Step::bdat, "BDAT " + std::to_string(text.bytes) + " LAST\r\n", out);
  } else {
    expected_.push_back(Step::message);
    // A server may say 354 when it has no recipient (RFC 2920 section 3.1): it gets no text then.
    if (transaction.recipients_accepted == 0) text = {.text = ".\r\n"};
  }
  out.append(Slice::literal(text.text));
  out.append(Slice::literal(text.rest));
  transaction.bytes = text.bytes;
  transaction.text_sent = true;
  transaction.text_queued = now;
}

void Dialogue::say(Step step, std::string_view line, Chain& out) {
  expected_.push_back(step);
  out.append(copy_to_slice(pool_, line));
}

void Dialogue::fail(Failure why) {
  if (done_) return;
  ++figures_.counts.failures[static_cast<std::size_t>(why)];
  figures_.counts.lost += transactions_.size();
  end(true);
}

void Dialogue::cut_off() {
  if (done_) return;
  figures_.counts.cut_off += transactions_.size();
  end(false);
}

void Dialogue::end(bool failed) {
  done_ = true;
  failed_ = failed;
  transactions_.clear();
  expected_.clear();
}

}  // namespace postern::load
