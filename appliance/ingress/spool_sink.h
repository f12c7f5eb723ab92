// A message on its way into the spool: the session's MessageSink over the shard's SegmentWriter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "appliance/ingress/arrivals.h"
#include "appliance/spool/message_id.h"
#include "appliance/spool/message_ids.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/space.h"
#include "appliance/spool/writer.h"
#include "engine/base/counter.h"
#include "engine/buffer/message_buffer.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/sink.h"
#include "engine/smtp/state.h"

namespace postern::ingress {

// How much of a message's body stays in memory until its commit, when its record holds it. Beyond that it goes to a side file.
struct SpillLimits {
  std::uint64_t body_bytes = 256 * 1024;
  std::uint64_t if_scarce = 64 * 1024;  // when SIZE says that it becomes larger than that, or receive buffers run short
  std::uint64_t if_tight = 32 * 1024;   // when half of the memory for messages is used
};

// What the sinks of one shard share. Outlives them.
struct SpoolServices {
  spool::SegmentWriter& writer;
  spool::SideFiles& side_files;
  spool::MessageIds& ids;
  spool::SpaceWatch& space;
  BlockPool& blocks;
  MemoryBudget& memory;
  Counter& copied_bytes;  // of texts, on their way in
  SpillLimits spill = {};
};

// One for each connection, used for its messages one after the other. The body is kept as slices of the receive buffers and
// copied once, into the commit batch; those of a large one, or of any that takes much memory while memory is short, go to a
// side file as they arrive.
class SpoolSink final : public ArrivingMessage {
 public:
  // `state` belongs to the connection and outlives this.
  SpoolSink(const SpoolServices& services, const smtp::SessionState& state) noexcept
      : services_(services), state_(state), body_(services.blocks, services.memory) {}

  [[nodiscard]] Result<void> open(const smtp::Envelope& envelope, std::uint64_t bytes_expected) override;

  [[nodiscard]] std::string_view id() const override { return id_.view(); }
  [[nodiscard]] const spool::MessageId& message_id() const noexcept { return id_; }
  [[nodiscard]] bool is_open() const noexcept override { return envelope_ != nullptr; }
  [[nodiscard]] WallTime received() const noexcept override { return received_; }
  void describe_body(bool has_8bit, std::uint64_t line_bytes_max) noexcept override {
    has_8bit_ = has_8bit;
    line_bytes_max_ = line_bytes_max;
  }

  [[nodiscard]] Result<smtp::Pace> write(Slice bytes, bool copy) override;
  void header_ends(std::uint64_t bytes) override { header_bytes_ = bytes; }
  [[nodiscard]] Task<Result<void>> room() override;
  [[nodiscard]] const Chain& text() const override { return body_.chain(); }
  [[nodiscard]] Task<Result<smtp::CommitReceipt>> commit(const smtp::Additions& additions) override;
  [[nodiscard]] Task<void> abort() override;

 private:
  static constexpr std::uint64_t kReserveStepBytes = 64 * 1024;
  // Behind the header block this much stays in memory, for whoever wants to look at the beginning of the body.
  static constexpr std::uint64_t kBodyBytesKept = 4096;

  [[nodiscard]] std::uint64_t size() const noexcept { return body_.size() + (side_file_ ? side_file_->bytes() : 0); }
  [[nodiscard]] bool reserve(std::uint64_t bytes);
  [[nodiscard]] bool must_spill(bool scarce) const noexcept;
  void spill();
  [[nodiscard]] Task<Result<smtp::CommitReceipt>> commit_large(const smtp::Additions& additions);
  [[nodiscard]] Task<Result<smtp::CommitReceipt>> store(const smtp::Additions& additions,
                                                        std::optional<spool::SideFileView> side_file);
  void end();

  const SpoolServices& services_;
  const smtp::SessionState& state_;
  const smtp::Envelope* envelope_ = nullptr;
  spool::MessageId id_;
  WallTime received_;
  MessageBuffer body_;  // the message, or its first bytes
  std::unique_ptr<spool::SideFile> side_file_;
  std::uint64_t bytes_expected_ = 0;
  std::uint64_t spent_bytes_ = 0;  // of the reservation
  std::optional<std::uint64_t> header_bytes_;
  spool::SpaceReservation reservation_;
  std::uint64_t line_bytes_max_ = 0;
  bool has_8bit_ = false;
};

class SpoolArrivals final : public Arrivals {
 public:
  explicit SpoolArrivals(const SpoolServices& services) noexcept : services_(services) {}
  [[nodiscard]] std::unique_ptr<ArrivingMessage> make(const smtp::SessionState& state) override {
    return std::make_unique<SpoolSink>(services_, state);
  }
  [[nodiscard]] bool has_space(std::uint64_t bytes) override { return services_.space.try_reserve(bytes).has_value(); }

 private:
  SpoolServices services_;
};

}  // namespace postern::ingress
