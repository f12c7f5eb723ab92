#include "appliance/delivery/store.h"

#include <utility>

namespace postern::delivery {

namespace {

// Bounces are few and small.
spool::WriterOptions writer_options() {
  spool::WriterOptions options;
  options.shard = spool::kDeliveryShard;
  options.segment_bytes = 8ULL << 20;
  options.batch_bytes = 1UL << 20;
  options.free_segments_max = 2;
  options.register_buffers = false;
  return options;
}

}  // namespace

OwnStore::OwnStore(FileSystem& files, std::string directory, Random& random, spool::DamageReporter& damage)
    : directory_(std::move(directory)),
      publisher_(slot_, -1),
      writer_(files, directory_, writer_options(), random, damage, &publisher_),
      ids_(files, directory_, spool::kDeliveryShard) {}

Task<Result<void>> OwnStore::start() {
  const Result<void> started = co_await writer_.start();
  if (!started) co_return started;
  const Result<void> ids = co_await ids_.start();
  if (!ids) co_await writer_.stop();
  co_return ids;
}

Task<Result<spool::CommitReceipt>> OwnStore::commit(const spool::CommitInput& input) {
  co_return co_await writer_.commit(input);
}

Task<void> OwnStore::stop() {
  co_await ids_.stop();
  co_await writer_.stop();
}

}  // namespace postern::delivery
