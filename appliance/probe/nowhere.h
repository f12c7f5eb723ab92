// Where the messages of a probe go: they are looked at, and forgotten.
#pragma once

#include "appliance/ingress/arrivals.h"
#include "appliance/spool/message_id.h"
#include "engine/buffer/message_buffer.h"

namespace postern::probe {

class Nowhere final : public ingress::Arrivals {
 public:
  static constexpr std::size_t kMemoryBytesMax = std::size_t{256} << 20;

  // Ids carry seconds from `now` on.
  Nowhere(BlockPool& blocks, WallTime now) noexcept;

  [[nodiscard]] std::unique_ptr<ingress::ArrivingMessage> make(const smtp::SessionState& state) override;
  [[nodiscard]] bool has_space(std::uint64_t) override { return true; }

 private:
  class Message;

  BlockPool& blocks_;
  MemoryBudget memory_{kMemoryBytesMax};
  spool::MessageIdGenerator ids_;
};

}  // namespace postern::probe
