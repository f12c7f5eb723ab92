#include "appliance/probe/standard_stream.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <coroutine>
#include <utility>

#include "engine/base/error.h"
#include "engine/coro/scheduler.h"
#include "engine/ring/readable.h"

namespace postern::probe {

namespace {

// The reader has to wait before it can be told that its wait is over.
struct LaterThisTurn {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { Scheduler::current().schedule(handle); }
  void await_resume() const noexcept {}
};

}  // namespace

StandardStream::StandardStream(ring::Ring& ring, BlockPool& blocks, int in, int out, Endpoints endpoints)
    : ring_(ring), blocks_(blocks), in_(in), out_(out), endpoints_(endpoints) {}

void StandardStream::unread(Slice bytes) {
  std::string text(bytes.view());
  if (line_) text += line_->view();
  line_ = copy_to_slice(blocks_, text);
}

Task<void> StandardStream::close() {
  closing_.request_stop();
  co_await fetches_.close();
}

bool StandardStream::take_input(Result<Slice>& into) {
  if (line_) {
    into = std::move(*line_);
    line_.reset();
    return true;
  }
  if (!input_error_) return false;
  into = failure(*input_error_);
  return true;
}

void StandardStream::set_reader(ReadWaiter* reader) {
  reader_ = reader;
  if (reader != nullptr && !std::exchange(fetching_, true)) fetches_.start(fetch(*this));
}

void StandardStream::queue_output(Chain bytes) {
  const std::string text = bytes.to_string();
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(out_, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      output_error_ = error_from_errno(errno, "write");
      return;
    }
    at += static_cast<std::size_t>(written);
  }
}

Task<void> StandardStream::fetch(StandardStream& stream) {
  co_await LaterThisTurn();
  std::optional<std::string> line;
  while (!(line = stream.next_line())) {
    const Result<void> waited = co_await ring::readable(stream.ring_, stream.in_, {Instant::never(), &stream.closing_});
    if (!waited) stream.input_error_ = waited.error();
    if (!waited || !stream.read_more()) break;
  }
  if (!line && !stream.read_.empty()) line = std::exchange(stream.read_, {}) + "\r\n";  // a last line without its end
  if (line) stream.line_ = copy_to_slice(stream.blocks_, *line);
  stream.fetching_ = false;
  if (stream.reader_ != nullptr) std::exchange(stream.reader_, nullptr)->input_ready();
}

bool StandardStream::read_more() {
  std::array<char, 16 * 1024> bytes;
  const ssize_t count = ::read(in_, bytes.data(), bytes.size());
  if (count > 0) read_.append(bytes.data(), static_cast<std::size_t>(count));
  if (count == 0) input_error_ = Error{Errc::closed, 0, "read"};
  if (count < 0 && errno != EINTR && errno != EAGAIN) input_error_ = error_from_errno(errno, "read");
  return !input_error_;
}

std::optional<std::string> StandardStream::next_line() {
  const std::size_t end = read_.find('\n');
  if (end == std::string::npos && read_.size() < kLineBytesMax) return std::nullopt;
  if (end >= kLineBytesMax) {
    std::string piece = read_.substr(0, kLineBytesMax - 1);  // a CR LF is not cut apart: what is left begins a piece of its own
    read_.erase(0, piece.size());
    return piece;
  }
  std::string line = read_.substr(0, end);
  read_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line += "\r\n";
}

}  // namespace postern::probe
