// BDAT, RFC 3030: a message in chunks. Once a chunk was refused the chunks behind it are refused too, whatever became of the
// reason, so that a message never lacks a piece in its middle.
#include <algorithm>
#include <array>
#include <charconv>

#include "engine/smtp/bdat_reader.h"
#include "engine/smtp/reply_texts.h"
#include "engine/smtp/session.h"

namespace postern::smtp {
namespace {

constexpr Reply kChunkTooLarge{501, {5, 5, 4}, "BDAT chunk size too large"};
constexpr Reply kBadArgument{501, {5, 5, 4}, "malformed BDAT command"};

const Reply& reply_to(BdatSyntax syntax) noexcept {
  switch (syntax) {
    case BdatSyntax::too_large: return kChunkTooLarge;
    case BdatSyntax::bad_argument: return kBadArgument;
    default: return reply::kBdatNeedsSize;
  }
}

}  // namespace

Task<void> Session::bdat() {
  const BdatCommand chunk = parse_bdat(command_.args);
  if (chunk.syntax != BdatSyntax::ok) {
    // How much of what follows is message text nobody knows, and none of it may be taken for commands.
    const Reply& answer = reply_to(chunk.syntax);
    hooks_.event({.kind = SessionEventKind::syntax_error, .text = answer.text});
    tell_incomplete("BDAT syntax error");
    co_return end(NotQuit::bad_commands, answer, true);
  }
  if (!co_await may_take_chunk(chunk.is_last)) {
    if (ending_ == nullptr) static_cast<void>(co_await skip_chunk(chunk.chunk_bytes));
    co_return;
  }
  intake_->begin_chunk(chunk);
  if (!co_await receive_text()) co_return;
  if (chunk.is_last) co_return co_await finish_message();
  if (intake_->refusal() != Refusal::none) {
    refuse_message();
    co_return co_await intake_->give_up();
  }
  write_chunk_received();
}

// False when the client has been told why not.
Task<bool> Session::may_take_chunk(bool is_last) {
  if (!state_.offers(EhloKeyword::chunking)) {
    complain(SessionEventKind::protocol_error, reply::kChunkingNotAdvertised);
    co_return false;
  }
  if (intake_ != nullptr) {
    if (intake_->refusal() != Refusal::answered) co_return true;
    complain(SessionEventKind::protocol_error, reply::kOnlyRset);
    co_return false;
  }
  if (!may_send_message()) co_return false;
  if (refuses_for_recipients()) {
    co_await abandon_transaction();
    co_return false;
  }
  if (co_await open_message(MessageIntake::Kind::bdat)) co_return true;
  if (is_last)
    co_await abandon_transaction();
  else
    co_await make_intake(MessageIntake::Kind::bdat).give_up();
  co_return false;
}

void Session::write_chunk_received() {
  std::array<char, 64> text;
  char* to = std::to_chars(text.data(), text.data() + text.size(), intake_->chunk_bytes()).ptr;
  to = std::copy(reply::kChunkReceivedBehind.begin(), reply::kChunkReceivedBehind.end(), to);
  write(Reply{250, reply::kOk.enhanced, {text.data(), static_cast<std::size_t>(to - text.data())}});
}

// Some other command came where the next chunk was due.
Task<void> Session::refuse_between_chunks() {
  const bool is_answered = intake_->refusal() == Refusal::answered;
  complain(SessionEventKind::protocol_error, is_answered ? reply::kOnlyRset : reply::kOnlyBdat);
  if (!is_answered) co_await intake_->give_up();
}

}  // namespace postern::smtp
