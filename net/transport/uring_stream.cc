#include "net/transport/uring_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace postern::transport {
namespace {

constexpr std::uint32_t kBulkAfterBytes = 8 * 1024;  // of message data before large buffers pay for re-arming
constexpr std::uint32_t kSmallAfterReceives = 8;     // short receives in a row before large buffers are given up
constexpr std::size_t kRoomMin = 4;                  // places made at once in front of the input
constexpr std::size_t kReadSlicesMin = 16;           // read slices before their places are given up

}  // namespace

class UringStream::Receive final : public ring::Operation, public ring::BufferWaiter {
 public:
  explicit Receive(UringStream& stream) noexcept : stream_(stream) {}

  void submit() {
    io_uring_sqe& sqe = stream_.pool_.ring.prepare(*this);
    io_uring_prep_recv_multishot(&sqe, stream_.slot_, nullptr, 0, 0);
    sqe.flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    sqe.buf_group = stream_.group_->id();
    submitted_to_ = stream_.group_;
    cancelling_ = false;
  }
  void cancel() {
    if (!in_flight() || cancelling_) return;
    cancelling_ = true;
    stream_.pool_.ring.cancel(*this);
  }
  void buffers_back() override { stream_.arm_receive(); }
  [[nodiscard]] ring::BufferGroup& submitted_to() const noexcept { return *submitted_to_; }

 private:
  void on_completion(const ring::Completion& completion) override { stream_.on_received(completion); }
  UringStream& stream_;
  ring::BufferGroup* submitted_to_ = nullptr;
  bool cancelling_ = false;
};

class UringStream::Send final : public ring::Operation {
 public:
  explicit Send(UringStream& stream) noexcept : stream_(stream) {}

  // Owns `bytes` until they are sent or given up.
  void begin(Chain bytes) {
    bytes_ = std::move(bytes);
    slice_ = 0;
    offset_ = 0;
    submit();
  }
  void submit() {
    std::size_t count = 0;
    for (std::size_t i = slice_; i < bytes_.slice_count() && count < vectors_.size(); ++i, ++count) {
      const std::string_view view = bytes_[i].view().substr(i == slice_ ? offset_ : 0);
      vectors_[count] = {const_cast<char*>(view.data()), view.size()};
    }
    io_uring_sqe& sqe = stream_.pool_.ring.prepare(*this);
    if (count == 1) {
      io_uring_prep_send(&sqe, stream_.slot_, vectors_[0].iov_base, vectors_[0].iov_len, MSG_NOSIGNAL | MSG_WAITALL);
    } else {
      message_ = {};
      message_.msg_iov = vectors_.data();
      message_.msg_iovlen = count;
      io_uring_prep_sendmsg(&sqe, stream_.slot_, &message_, MSG_NOSIGNAL | MSG_WAITALL);
    }
    sqe.flags |= IOSQE_FIXED_FILE;
  }
  // Steps over `count` sent bytes.
  void advance(std::size_t count) {
    while (count > 0) {
      const std::size_t left = bytes_[slice_].size() - offset_;
      const std::size_t step = std::min(left, count);
      offset_ += step;
      count -= step;
      if (offset_ == bytes_[slice_].size()) {
        ++slice_;
        offset_ = 0;
      }
    }
  }
  void drop() noexcept { bytes_.clear(); }

 private:
  void on_completion(const ring::Completion& completion) override { stream_.on_sent(completion); }
  UringStream& stream_;
  Chain bytes_;
  std::size_t slice_ = 0;
  std::size_t offset_ = 0;  // into bytes_[slice_]
  std::array<iovec, 8> vectors_{};
  msghdr message_{};
};

class UringStream::Shutdown final : public ring::Operation {
 public:
  explicit Shutdown(UringStream& stream) noexcept : stream_(stream) {}
  void submit() {
    io_uring_sqe& sqe = stream_.pool_.ring.prepare(*this);
    io_uring_prep_shutdown(&sqe, stream_.slot_, SHUT_WR);
    sqe.flags |= IOSQE_FIXED_FILE;
  }

 private:
  void on_completion(const ring::Completion&) override { stream_.operation_ended(); }
  UringStream& stream_;
};

// Gives up the descriptor; submitted only when nothing else of the stream is in flight.
class UringStream::Close final : public ring::Operation {
 public:
  void submit(ring::Ring& ring, int slot) {
    io_uring_sqe& sqe = ring.prepare(*this);
    io_uring_prep_close_direct(&sqe, static_cast<unsigned>(slot));
  }
  Event done;

 private:
  void on_completion(const ring::Completion&) override { done.set(); }
};

UringStream::UringStream(StreamPool& pool, int slot, Endpoints endpoints)
    : pool_(pool), slot_(slot), endpoints_(endpoints), receive_(std::make_unique<Receive>(*this)), group_(&pool.small_buffers) {
  arm_receive();
}

UringStream::~UringStream() { POSTERN_CHECK(slot_ < 0); }

const Security& UringStream::security() const {
  static const Security clear;
  return clear;
}

void UringStream::unread(Slice bytes) {
  POSTERN_CHECK(reader_ == nullptr);
  if (bytes.empty()) return;
  unread_bytes_ += bytes.size();
  if (input_first_ == 0) {
    const std::size_t room = std::max(input_.size(), kRoomMin);
    input_.insert(input_.begin(), room, Slice());
    input_first_ = room;
  }
  input_[--input_first_] = std::move(bytes);
}

// A peer may send byte by byte to a reader that is busy. What is small joins the slice before it where there is room behind
// that, so that unread bytes pin about twice their size and not a buffer each.
bool UringStream::join_last(const Slice& slice) {
  if (input_first_ == input_.size() || slice.size() > slice.pinned_bytes() / 2) return false;
  Slice& last = input_.back();
  // Received here, and in nobody else's hands: what lies behind it in its buffer is free.
  if (last.block() != last_received_ || last_received_ == nullptr || last_received_->references() != 1) return false;
  const char* end = last.data() + last.size();
  const auto room = static_cast<std::size_t>(last_received_->bytes() + last_received_->capacity() - end);
  if (slice.size() > room) return false;
  std::memcpy(const_cast<char*>(end), slice.data(), slice.size());
  last = Slice(*last_received_, last.data(), last.size() + slice.size());
  return true;
}

void UringStream::keep_input(Slice slice) {
  unread_bytes_ += slice.size();
  if (join_last(slice)) return;
  if (input_first_ >= kReadSlicesMin && input_first_ >= input_.size() / 2) {
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(input_first_));
    input_first_ = 0;
  }
  last_received_ = const_cast<Block*>(slice.block());
  input_.push_back(std::move(slice));
}

bool UringStream::take_input(Result<Slice>& into) {
  if (input_first_ < input_.size()) {
    Slice slice = std::move(input_[input_first_]);
    if (++input_first_ == input_.size()) {
      input_.clear();
      input_first_ = 0;
    }
    unread_bytes_ -= slice.size();
    into = std::move(slice);
    if (!receive_wanted_ && unread_bytes_ <= kUnreadBytesMax / 2) {
      receive_wanted_ = true;
      arm_receive();
    }
    return true;
  }
  if (!input_error_) return false;
  into = failure(*input_error_);
  return true;
}

void UringStream::arm_receive() {
  if (receive_->in_flight() || !receive_wanted_ || input_error_ || closing_) return;
  receive_->submit();
}

void UringStream::expect_bulk(bool bulk) {
  if (bulk == bulk_) return;
  bulk_ = bulk;
  bulk_bytes_ = 0;
  small_receives_ = 0;
}

// Changing groups costs a cancel and a new receive, so it waits until the bytes have shown what they are.
void UringStream::choose_group(std::size_t received) {
  if (bulk_) {
    bulk_bytes_ += static_cast<std::uint32_t>(received);
    small_receives_ = 0;
    if (bulk_bytes_ <= kBulkAfterBytes) return;
    group_ = &pool_.large_buffers;
  } else {
    if (group_ == &pool_.small_buffers) return;
    small_receives_ = received <= pool_.small_buffers.bytes_each() ? small_receives_ + 1 : 0;
    if (small_receives_ < kSmallAfterReceives) return;
    group_ = &pool_.small_buffers;
  }
  if (receive_->in_flight() && &receive_->submitted_to() != group_) receive_->cancel();
}

void UringStream::on_received(const ring::Completion& completion) {
  if (completion.result > 0) {
    Slice slice = receive_->submitted_to().take(completion);
    if (!closing_) {
      const std::size_t size = slice.size();
      keep_input(std::move(slice));
      choose_group(size);
      wake_reader();
    }
  } else if (completion.result == 0) {
    end_input({Errc::closed, 0, "read"});
  } else if (completion.result == -ENOBUFS) {
    if (&receive_->submitted_to() != group_)
      arm_receive();  // the group was changed meanwhile, and the new one may have all its buffers: none would come back to it
    else if (receive_wanted_ && !closing_)
      group_->wait_for_buffers(*receive_);
    return operation_ended();
  } else if (completion.result != -ECANCELED) {
    end_input(error_from_errno(-completion.result, "read"));
  }
  if (unread_bytes_ > kUnreadBytesMax && receive_wanted_) {
    receive_wanted_ = false;
    receive_->cancel();
  }
  if (!completion.final()) return;
  arm_receive();
  operation_ended();
}

void UringStream::end_input(Error error) {
  if (!input_error_) input_error_ = error;
  wake_reader();
}

void UringStream::wake_reader() {
  if (reader_ != nullptr) std::exchange(reader_, nullptr)->input_ready();
}

void UringStream::queue_output(Chain bytes) {
  queued_.append(std::move(bytes));
  start_send();
}

void UringStream::start_send() {
  if (queued_.empty() || flying_left_ > 0 || output_error_ || closing_) return;
  if (!send_) send_ = std::make_unique<Send>(*this);
  flying_left_ = queued_.size();
  send_->begin(std::move(queued_));
}

void UringStream::on_sent(const ring::Completion& completion) {
  if (completion.result < 0) {
    fail_output(error_from_errno(-completion.result, "write"));
    return operation_ended();
  }
  const auto sent = static_cast<std::size_t>(completion.result);
  flying_left_ -= sent;
  if (closing_) return operation_ended();
  if (flying_left_ > 0) {
    send_->advance(sent);
    send_->submit();
  } else {
    send_->drop();
    start_send();
  }
  if (shutdown_wanted_) shutdown();
  wake_writer();
}

void UringStream::fail_output(Error error) {
  output_error_ = error;
  send_->drop();
  flying_left_ = 0;
  queued_.clear();
  wake_writer();
}

void UringStream::set_writer(WriteWaiter* writer, std::size_t unsent_max) {
  writer_ = writer;
  writer_unsent_max_ = unsent_max;
}

void UringStream::wake_writer() {
  if (writer_ == nullptr) return;
  if (!output_error_ && unsent_bytes() > writer_unsent_max_) return;
  std::exchange(writer_, nullptr)->output_ready();
}

void UringStream::shutdown() {
  shutdown_wanted_ = true;
  if (shutdown_ || closing_ || output_error_ || unsent_bytes() > 0) return;
  shutdown_ = std::make_unique<Shutdown>(*this);
  shutdown_->submit();
}

void UringStream::operation_ended() {
  if (!closing_) return;
  const bool busy = receive_->in_flight() || (send_ && send_->in_flight()) || (shutdown_ && shutdown_->in_flight());
  if (!busy) quiet_.set();
}

Task<void> UringStream::close() {
  POSTERN_CHECK(!closing_ && reader_ == nullptr && writer_ == nullptr);
  closing_ = true;
  group_->forget(*receive_);
  receive_->cancel();
  if (send_ && send_->in_flight()) pool_.ring.cancel(*send_);
  operation_ended();
  static_cast<void>(co_await quiet_.wait());
  input_.clear();
  queued_.clear();
  if (send_) send_->drop();

  Close closing;
  closing.submit(pool_.ring, slot_);
  static_cast<void>(co_await closing.done.wait());
  pool_.ring.give_slot(std::exchange(slot_, -1));
}

}  // namespace postern::transport
