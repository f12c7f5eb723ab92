#include "appliance/delivery/ledger.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace postern::delivery {

namespace {

JournalRecord record_of(JournalKind kind, const spool::RecordKey& key) {
  JournalRecord record;
  record.kind = kind;
  record.key = key;
  return record;
}

}  // namespace

QueuedMessage& Ledger::message_at(Segment& segment, const spool::RecordKey& key) {
  std::unique_ptr<QueuedMessage>& slot = segment.queued[key.offset];
  if (!slot) {
    slot = std::make_unique<QueuedMessage>();
    slot->key = key;
    ++queued_;
  }
  return *slot;
}

void Ledger::set_bytes(Segment& segment, QueuedMessage& message, std::uint32_t record_bytes) {
  segment.live_bytes += record_bytes;
  segment.live_bytes -= message.record_bytes;
  message.record_bytes = record_bytes;
}

bool Ledger::replay(const JournalRecord& record) {
  if (record.kind == JournalKind::lost) {
    outcomes_lost_ = record.flags != 0;
    return record.flags <= 1;
  }
  Segment& segment = segments_[record.key.segment];
  if (record.kind == JournalKind::drained) {
    if (!segment.queued.empty()) return false;
    segment = Segment{segment.scanned_to, true, 0, {}, {}};
    return true;
  }
  if (segment.drained) return false;
  if (record.kind == JournalKind::scanned) {
    skip_to(record.key.segment, record.key.offset);
    return true;
  }
  return record.kind == JournalKind::moved ? replay_moved(segment, record) : replay_message(segment, record);
}

bool Ledger::replay_moved(Segment& segment, const JournalRecord& record) {
  const Segment& target = segments_[record.to.segment];
  if (record.key == record.to || segment.done_ahead.contains(record.key.offset)) return false;
  if (target.drained || target.queued.contains(record.to.offset) || target.done_ahead.contains(record.to.offset)) return false;
  QueuedMessage& message = message_at(segment, record.key);
  relocate(segment, message, record.to, message.record_bytes);
  return true;
}

void Ledger::relocate(Segment& segment, QueuedMessage& message, const spool::RecordKey& to, std::uint32_t record_bytes) {
  const std::uint64_t offset = message.key.offset;
  auto node = segment.queued.extract(offset);
  POSTERN_CHECK(!node.empty() && node.mapped().get() == &message);
  if (offset >= segment.scanned_to) segment.done_ahead.insert(offset);
  set_bytes(segment, message, 0);
  Segment& target = segments_[to.segment];
  message.key = to;
  node.key() = to.offset;
  set_bytes(target, message, record_bytes);
  POSTERN_CHECK(target.queued.insert(std::move(node)).inserted);
}

bool Ledger::replay_message(Segment& segment, const JournalRecord& record) {
  const std::uint64_t offset = record.key.offset;
  if (record.recipients > kRecipientsMax) return false;
  for (const std::uint32_t index : record.indexes)
    if (index >= kRecipientsMax) return false;
  if (record.kind == JournalKind::done) {
    if (const auto found = segment.queued.find(offset); found != segment.queued.end()) {
      set_bytes(segment, *found->second, 0);
      segment.queued.erase(found);
      --queued_;
    }
    if (offset >= segment.scanned_to) segment.done_ahead.insert(offset);
    return true;
  }
  if (segment.done_ahead.contains(offset)) return false;
  QueuedMessage& message = message_at(segment, record.key);
  for (const std::uint32_t index : record.indexes) message.finished.insert(index);
  switch (record.kind) {
    case JournalKind::queued:
      message.recipients = record.recipients;
      set_bytes(segment, message, (record.flags >> kQueuedSizeShift) * kQueuedSizeUnit);
      message.attempting = message.attempting || (record.flags & kQueuedAttempting) != 0;
      message.times = record.times;
      break;
    case JournalKind::deferred:
      message.times = record.times;
      message.attempting = false;
      break;
    case JournalKind::attempting: message.attempting = true; break;
    default: break;
  }
  return true;
}

std::uint64_t Ledger::scanned_to(const spool::SegmentKey& segment) const {
  const auto found = segments_.find(segment);
  return found == segments_.end() ? 0 : found->second.scanned_to;
}

QueuedMessage* Ledger::admit(const spool::RecordKey& key, std::uint64_t end, std::uint32_t recipients) {
  Segment& segment = segments_[key.segment];
  POSTERN_CHECK(key.offset >= segment.scanned_to && end > key.offset && !segment.drained);
  skip_to(key.segment, key.offset);
  const bool is_done = segment.done_ahead.erase(key.offset) > 0;
  segment.scanned_to = end;
  if (is_done) return nullptr;
  QueuedMessage& message = message_at(segment, key);
  set_bytes(segment, message, static_cast<std::uint32_t>(end - key.offset));
  if (recipients > 0) set_recipients(message, recipients);
  return &message;
}

void Ledger::skip_to(const spool::SegmentKey& key, std::uint64_t end) {
  Segment& segment = segments_[key];
  if (end <= segment.scanned_to) return;
  segment.scanned_to = end;
  segment.done_ahead.erase(segment.done_ahead.begin(), segment.done_ahead.lower_bound(end));
}

void Ledger::for_each_queued(const spool::SegmentKey& key, const std::function<void(QueuedMessage&)>& visit) {
  const auto found = segments_.find(key);
  if (found == segments_.end()) return;
  for (auto& [offset, message] : found->second.queued)
    if (offset < found->second.scanned_to) visit(*message);
}

QueuedMessage* Ledger::find(const spool::RecordKey& key) {
  const auto segment = segments_.find(key.segment);
  if (segment == segments_.end()) return nullptr;
  const auto found = segment->second.queued.find(key.offset);
  return found == segment->second.queued.end() ? nullptr : found->second.get();
}

JournalRecord Ledger::attempting(QueuedMessage& message) {
  message.attempting = true;
  return record_of(JournalKind::attempting, message.key);
}

JournalRecord Ledger::finish(QueuedMessage& message, std::vector<std::uint32_t> indexes) {
  for (const std::uint32_t index : indexes) message.finished.insert(index);
  JournalRecord record = record_of(JournalKind::finished, message.key);
  record.indexes = std::move(indexes);
  return record;
}

JournalRecord Ledger::defer(QueuedMessage& message, const RetryTimes& times) {
  message.times = times;
  message.attempting = false;
  JournalRecord record = record_of(JournalKind::deferred, message.key);
  record.times = times;
  return record;
}

JournalRecord Ledger::done(QueuedMessage& message) {
  const JournalRecord record = record_of(JournalKind::done, message.key);
  const auto found = segments_.find(record.key.segment);
  POSTERN_CHECK(found != segments_.end());
  Segment& segment = found->second;
  set_bytes(segment, message, 0);
  POSTERN_CHECK(segment.queued.erase(record.key.offset) == 1);
  if (record.key.offset >= segment.scanned_to) segment.done_ahead.insert(record.key.offset);  // a copy not met in its segment
  --queued_;
  return record;
}

JournalRecord Ledger::move(QueuedMessage& message, const spool::RecordKey& to, std::uint32_t record_bytes) {
  JournalRecord record = record_of(JournalKind::moved, message.key);
  record.to = to;
  const Segment& target = segments_[to.segment];
  POSTERN_CHECK(!target.drained && !target.queued.contains(to.offset) && !target.done_ahead.contains(to.offset));
  const auto found = segments_.find(message.key.segment);
  POSTERN_CHECK(found != segments_.end());
  relocate(found->second, message, to, record_bytes);
  return record;
}

JournalRecord Ledger::outcomes_known() {
  outcomes_lost_ = false;
  return record_of(JournalKind::lost, {});
}

JournalRecord Ledger::drain(const spool::SegmentKey& key) {
  Segment& segment = segments_[key];
  POSTERN_CHECK(segment.queued.empty());
  segment.drained = true;
  return record_of(JournalKind::drained, {key, 0});
}

bool Ledger::is_drained(const spool::SegmentKey& segment) const {
  const auto found = segments_.find(segment);
  return found != segments_.end() && found->second.drained;
}

std::size_t Ledger::queued_in(const spool::SegmentKey& segment) const {
  const auto found = segments_.find(segment);
  return found == segments_.end() ? 0 : found->second.queued.size();
}

std::uint64_t Ledger::live_bytes(const spool::SegmentKey& segment) const {
  const auto found = segments_.find(segment);
  return found == segments_.end() ? 0 : found->second.live_bytes;
}

std::vector<spool::SegmentKey> Ledger::drained() const {
  std::vector<spool::SegmentKey> keys;
  for (const auto& [key, segment] : segments_)
    if (segment.drained) keys.push_back(key);
  return keys;
}

std::vector<spool::SegmentKey> Ledger::keys() const {
  std::vector<spool::SegmentKey> keys;
  for (const auto& [key, segment] : segments_) keys.push_back(key);
  return keys;
}

void Ledger::forget(const spool::SegmentKey& key) {
  const auto found = segments_.find(key);
  if (found == segments_.end()) return;
  queued_ -= found->second.queued.size();
  segments_.erase(found);
}

std::uint32_t Ledger::oldest_s() const {
  std::uint32_t oldest = 0;
  for (const auto& [key, segment] : segments_) {
    for (const auto& [offset, message] : segment.queued) {
      const std::uint32_t since = message->received_s != 0 ? message->received_s : message->times.first_failed_s;
      if (since != 0 && (oldest == 0 || since < oldest)) oldest = since;
    }
  }
  return oldest;
}

std::size_t Ledger::snapshot_bytes() const noexcept {
  constexpr std::size_t kQueuedBytes = 64;  // with a few finished recipients
  constexpr std::size_t kSegmentBytes = 32;
  return queued_ * kQueuedBytes + segments_.size() * kSegmentBytes;
}

void Ledger::snapshot_message(const QueuedMessage& message, const std::function<void(const JournalRecord&)>& write) {
  JournalRecord record = record_of(JournalKind::queued, message.key);
  constexpr std::uint32_t kSizeMax = UINT32_MAX >> kQueuedSizeShift;
  record.flags = std::min(message.record_bytes / kQueuedSizeUnit, kSizeMax) << kQueuedSizeShift;
  if (message.attempting) record.flags |= kQueuedAttempting;
  record.recipients = message.recipients;
  record.times = message.times;
  message.finished.for_each([&](std::uint32_t index) {
    if (record.indexes.size() == kJournalIndexesMax) {
      write(record);
      record.kind = JournalKind::finished;
      record.indexes.clear();
    }
    record.indexes.push_back(index);
  });
  write(record);
}

void Ledger::snapshot(const std::function<void(const JournalRecord&)>& write) const {
  if (outcomes_lost_) {
    JournalRecord lost = record_of(JournalKind::lost, {});
    lost.flags = 1;
    write(lost);
  }
  for (const auto& [key, segment] : segments_) {
    write(record_of(JournalKind::scanned, {key, segment.scanned_to}));
    if (segment.drained) write(record_of(JournalKind::drained, {key, 0}));
    for (const auto& [offset, message] : segment.queued) snapshot_message(*message, write);
    for (const std::uint64_t offset : segment.done_ahead) write(record_of(JournalKind::done, {key, offset}));
  }
}

}  // namespace postern::delivery
