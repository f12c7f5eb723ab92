#include "appliance/delivery/compactor.h"

#include <algorithm>
#include <utility>

#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

constexpr std::int64_t kMsPerS = 1'000;

// Of the record, not of the disk: it is no use trying again.
bool is_for_good(Errc code) { return code == Errc::too_large || code == Errc::unsupported || code == Errc::bad_format; }

}  // namespace

Task<Result<void>> Compactor::pass(const std::vector<std::unique_ptr<DirectoryTail>>& tails, DirectoryTail& own,
                                   StopSource& stop) {
  if (Scheduler::current().now() < not_before_) co_return Result<void>{};
  bytes_left_ = options_.bytes_per_pass;
  trouble_.reset();
  for (std::size_t i = 0; i < tails.size(); ++i) {
    DirectoryTail& tail = *tails[i];
    for (const ReadSegment& segment : tail.read_segments()) {
      if (bytes_left_ == 0 || trouble_ || stop.stop_requested()) break;
      if (!is_sparse(segment)) continue;
      const std::vector<spool::RecordKey> keys = movable_in(segment.key);
      if (keys.empty()) continue;
      is_copying_ = true;
      co_await empty(segment, keys, tail.directory(), stop);
      is_copying_ = false;
      tail.poke_done();
      own.poke_done();
    }
  }
  if (!trouble_) co_return Result<void>{};
  not_before_ = Scheduler::current().now().plus_ms(options_.trouble_s * kMsPerS);
  co_return failure(*trouble_);
}

bool Compactor::is_sparse(const ReadSegment& segment) const {
  const Instant now = Scheduler::current().now();
  if (now < segment.read_at.plus_ms(options_.settle_s * kMsPerS) || deps_.ledger.queued_in(segment.key) == 0) return false;
  const bool is_old = now >= segment.read_at.plus_ms(options_.old_s * kMsPerS);
  const unsigned percent = is_old ? options_.old_live_percent_max : options_.live_percent_max;
  return deps_.ledger.live_bytes(segment.key) * 100 <= segment.segment_bytes * percent;
}

std::vector<spool::RecordKey> Compactor::movable_in(const spool::SegmentKey& segment) const {
  const std::int64_t soon = Scheduler::current().wall_now().seconds() + options_.soon_s;
  std::vector<spool::RecordKey> keys;
  bool is_stuck = false;
  deps_.ledger.for_each_queued(segment, [&](const QueuedMessage& message) {
    is_stuck = is_stuck || message.cannot_move;
    if (message.is_waiting && message.times.next_try_s >= soon) keys.push_back(message.key);
  });
  if (is_stuck) keys.clear();
  return keys;
}

Task<void> Compactor::empty(const ReadSegment& segment, std::span<const spool::RecordKey> keys, const std::string& directory,
                            StopSource& stop) {
  const Result<std::unique_ptr<spool::SegmentReader>> reader =
      co_await spool::SegmentReader::open(deps_.files, segment.path, segment.key, deps_.pool, deps_.damage);
  if (!reader) {
    if (reader.error().code != Errc::not_found) trouble_ = reader.error();
    co_return;
  }
  for (const spool::RecordKey& key : keys) {
    if (bytes_left_ == 0 || trouble_ || !co_await room_.acquire({Instant::never(), &stop})) break;
    copies_.start(move(**reader, key, directory));
  }
  co_await copies_.wait_empty();
}

Task<void> Compactor::move(spool::SegmentReader& reader, spool::RecordKey key, const std::string& directory) {
  // It may have gone, or be under way, since it was looked at.
  if (QueuedMessage* const message = deps_.ledger.find(key); message != nullptr && message->is_waiting) {
    message->is_copied = true;
    Result<spool::Record> record = co_await reader.read_at(key.offset, message->record_bytes);
    if (record) {
      bytes_left_ -= std::min<std::size_t>(bytes_left_, record->record_bytes);
      settle(key, co_await deps_.store.store_copy(std::move(*record), directory));
    } else {
      settle(key, failure(record.error()));
    }
  }
  room_.release();
}

void Compactor::settle(const spool::RecordKey& key, const Result<StoredCopy>& copy) {
  QueuedMessage* const message = deps_.ledger.find(key);
  if (message == nullptr) return;  // the copy is nobody's
  message->is_copied = false;
  if (copy) {
    const Journal::Ticket moved =
        deps_.journal.append(deps_.ledger.move(*message, copy->receipt.key, copy->receipt.record_bytes));
    if (!copy->left_side_file.empty()) deps_.side_files.remove_side_file(copy->left_side_file, moved);
    deps_.copied.add();
  } else if (is_for_good(copy.error().code)) {
    message->cannot_move = true;
  } else if (copy.error().code != Errc::stopped) {
    trouble_ = copy.error();
  }
}

}  // namespace postern::delivery
