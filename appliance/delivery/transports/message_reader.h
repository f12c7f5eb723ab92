// The bytes of a composed message from beginning to end, wherever they lie.
#pragma once

#include <memory>

#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/spool/side_file_reader.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/task.h"

namespace postern::delivery {

// One reading. Everything is borrowed.
class MessageReader {
 public:
  MessageReader(const ComposedMessage& message, const TransportJob& job, BlockPool& pool) noexcept
      : message_(message), job_(job), pool_(pool) {}

  // The next bytes; an empty chain behind the last. Received bytes come as slices of where they were read to, the little that
  // was added is copied to the pool. bad_format, before the last bytes are handed out, when the side file is damaged; any error
  // of the disk. Suspends.
  [[nodiscard]] Task<Result<Chain>> next();

 private:
  [[nodiscard]] Task<Result<Chain>> next_of_side_file();

  const ComposedMessage& message_;
  const TransportJob& job_;
  BlockPool& pool_;
  bool composed_given_ = false;
  std::unique_ptr<spool::SideFileReader> side_file_;
};

}  // namespace postern::delivery
