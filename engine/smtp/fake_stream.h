// A client made of strings, for tests: what it sends is fed in, what it is told is collected.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/buffer/block_pool.h"
#include "engine/io/stream.h"

namespace postern::smtp {

// The far end of one connection. Outlives its streams.
class FakePeer {
 public:
  FakePeer() {
    endpoints_.peer = {IpAddress::v4(0xc0000201), 40001};  // 192.0.2.1
    endpoints_.local = {IpAddress::v4(0xc6336401), 25};    // 198.51.100.1
  }
  FakePeer(const FakePeer&) = delete;
  FakePeer& operator=(const FakePeer&) = delete;

  // The server's end. `inverted`: all bytes have their bits turned, both ways; `under` is kept and closed with it.
  [[nodiscard]] std::unique_ptr<Stream> make_stream(bool inverted = false, std::unique_ptr<Stream> under = nullptr);

  // One read's worth of bytes.
  void send(std::string_view bytes) {
    if (!bytes.empty()) send(copy_to_slice(pool_, bytes));
  }
  void send(Slice bytes) {
    input_.push_back(std::move(bytes));
    wake_reader();
  }
  // Everything sent before is still read.
  void fail_input(Errc why) {
    input_error_ = Error{why, 0, "fake read"};
    wake_reader();
  }
  void fail_output(Errc why) {
    output_error_ = Error{why, 0, "fake write"};
    wake_writer();
  }
  // A peer that stops reading: what is written stays unsent until it reads again.
  void stop_reading() { reading_ = false; }
  void read_again() {
    reading_ = true;
    output_.append(std::exchange(unsent_, {}));
    wake_writer();
  }

  // What arrived since the last call.
  [[nodiscard]] std::string received() { return std::exchange(output_, {}); }
  // For those who must not allocate: the bytes are counted and dropped.
  void count_only() { count_only_ = true; }
  [[nodiscard]] std::size_t received_bytes() const noexcept { return received_bytes_; }
  [[nodiscard]] std::size_t writes() const noexcept { return writes_; }
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_; }
  [[nodiscard]] bool has_waiting_reader() const noexcept { return reader_ != nullptr; }
  [[nodiscard]] bool is_bulk() const noexcept { return bulk_; }
  // Receive buffers that somebody holds on to, those not yet read included.
  [[nodiscard]] std::size_t pinned_bytes() const noexcept { return pool_.used_bytes(); }
  void set_scarce(bool scarce) { scarce_ = scarce; }

 private:
  friend class FakeStream;
  [[nodiscard]] bool has_bytes() const noexcept { return next_input_ < input_.size(); }
  [[nodiscard]] Slice take_bytes() {
    Slice bytes = std::move(input_[next_input_++]);
    if (!has_bytes()) drop_input();
    return bytes;
  }
  void drop_input() {
    input_.clear();
    next_input_ = 0;
  }
  void wake_reader() {
    if (reader_ != nullptr) std::exchange(reader_, nullptr)->input_ready();
  }
  void wake_writer() {
    const bool is_due = output_error_.has_value() || unsent_.size() <= writer_max_;
    if (writer_ != nullptr && is_due) std::exchange(writer_, nullptr)->output_ready();
  }

  BlockPool pool_;
  Endpoints endpoints_;
  Security security_;
  std::vector<Slice> input_;  // those before next_input_ were read
  std::size_t next_input_ = 0;
  std::optional<Error> input_error_;
  std::optional<Error> output_error_;
  std::string output_;
  std::string unsent_;
  ReadWaiter* reader_ = nullptr;
  WriteWaiter* writer_ = nullptr;
  std::size_t writer_max_ = 0;
  std::size_t writes_ = 0;
  std::size_t received_bytes_ = 0;
  bool reading_ = true;
  bool count_only_ = false;
  bool closed_ = false;
  bool shut_down_ = false;
  bool bulk_ = false;
  bool scarce_ = false;
};

class FakeStream final : public Stream {
 public:
  FakeStream(FakePeer& peer, bool inverted, std::unique_ptr<Stream> under)
      : peer_(peer), inverted_(inverted), under_(std::move(under)) {}

  void unread(Slice bytes) override {
    POSTERN_CHECK(peer_.reader_ == nullptr);
    const auto front = peer_.input_.begin() + static_cast<std::ptrdiff_t>(peer_.next_input_);
    if (!bytes.empty()) peer_.input_.insert(front, std::move(bytes));
  }
  [[nodiscard]] bool has_input() const override { return peer_.has_bytes() || peer_.input_error_.has_value(); }
  void expect_bulk(bool bulk) override { peer_.bulk_ = bulk; }
  [[nodiscard]] bool input_scarce() const override { return peer_.scarce_; }
  void shutdown() override { peer_.shut_down_ = true; }
  [[nodiscard]] Task<void> close() override {
    POSTERN_CHECK(peer_.reader_ == nullptr && peer_.writer_ == nullptr);
    peer_.closed_ = true;
    peer_.drop_input();
    if (under_ != nullptr) co_await under_->close();
  }
  [[nodiscard]] const Endpoints& endpoints() const override { return peer_.endpoints_; }
  [[nodiscard]] const Security& security() const override { return peer_.security_; }
  [[nodiscard]] std::size_t output_bytes_max() const override { return 4096; }

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override {
    if (peer_.has_bytes()) {
      Slice bytes = peer_.take_bytes();
      into = inverted_ ? copy_to_slice(peer_.pool_, invert(bytes.view())) : std::move(bytes);
      return true;
    }
    if (!peer_.input_error_) return false;
    into = failure(*peer_.input_error_);
    return true;
  }
  void set_reader(ReadWaiter* reader) override {
    POSTERN_CHECK(reader == nullptr || peer_.reader_ == nullptr);
    peer_.reader_ = reader;
  }
  void queue_output(Chain bytes) override {
    ++peer_.writes_;
    peer_.received_bytes_ += bytes.size();
    if (peer_.count_only_) return;
    const std::string text = inverted_ ? invert(bytes.to_string()) : bytes.to_string();
    (peer_.reading_ ? peer_.output_ : peer_.unsent_).append(text);
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return peer_.unsent_.size(); }
  [[nodiscard]] const Error* output_error() const override { return peer_.output_error_ ? &*peer_.output_error_ : nullptr; }
  void set_writer(WriteWaiter* writer, std::size_t unsent_max) override {
    POSTERN_CHECK(writer == nullptr || peer_.writer_ == nullptr);
    peer_.writer_ = writer;
    peer_.writer_max_ = unsent_max;
  }

 private:
  [[nodiscard]] static std::string invert(std::string_view bytes) {
    std::string inverted(bytes);
    for (char& c : inverted) c = static_cast<char>(~c);
    return inverted;
  }
  FakePeer& peer_;
  bool inverted_;
  std::unique_ptr<Stream> under_;
};

inline std::unique_ptr<Stream> FakePeer::make_stream(bool inverted, std::unique_ptr<Stream> under) {
  return std::make_unique<FakeStream>(*this, inverted, std::move(under));
}

}  // namespace postern::smtp
