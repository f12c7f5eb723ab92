// Standard input and output, or any two descriptors, as the stream of a session.
#pragma once

#include <optional>
#include <string>

#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/stop.h"
#include "engine/io/stream.h"
#include "engine/ring/ring.h"

namespace postern::probe {

// Gives a line at a time, and only when somebody waits for one: whatever was typed or piped ahead counts as said when it is its
// turn, so that nobody is told of a synchronization error. LF ends a line as CR LF does. Writes at once. One shard.
class StandardStream final : public Stream {
 public:
  static constexpr std::size_t kLineBytesMax = 32 * 1024;  // longer lines come in pieces

  // `in` and `out` stay open until after close().
  StandardStream(ring::Ring& ring, BlockPool& blocks, int in, int out, Endpoints endpoints);

  void unread(Slice bytes) override;
  [[nodiscard]] bool has_input() const override { return line_.has_value(); }
  void expect_bulk(bool) override {}
  [[nodiscard]] bool input_scarce() const override { return false; }
  void shutdown() override {}
  [[nodiscard]] Task<void> close() override;
  [[nodiscard]] const Endpoints& endpoints() const override { return endpoints_; }
  [[nodiscard]] const Security& security() const override { return security_; }
  [[nodiscard]] std::size_t output_bytes_max() const override { return kLineBytesMax; }

 protected:
  [[nodiscard]] bool take_input(Result<Slice>& into) override;
  void set_reader(ReadWaiter* reader) override;
  void queue_output(Chain bytes) override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  [[nodiscard]] const Error* output_error() const override { return output_error_ ? &*output_error_ : nullptr; }
  void set_writer(WriteWaiter*, std::size_t) override {}

 private:
  static Task<void> fetch(StandardStream& stream);
  // Reads once; false at the end, or when reading fails.
  [[nodiscard]] bool read_more();
  // The next line of what was read, with CR LF; nothing: it is not all here yet.
  [[nodiscard]] std::optional<std::string> next_line();

  ring::Ring& ring_;
  BlockPool& blocks_;
  const int in_;
  const int out_;
  const Endpoints endpoints_;
  Security security_;
  std::string read_;           // and not given yet
  std::optional<Slice> line_;  // to be taken
  std::optional<Error> input_error_;
  std::optional<Error> output_error_;
  ReadWaiter* reader_ = nullptr;
  bool fetching_ = false;
  StopSource closing_;
  Gate fetches_;
};

}  // namespace postern::probe
