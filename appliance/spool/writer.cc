#include "appliance/spool/writer.h"

#include <algorithm>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::spool {
namespace {

constexpr std::int64_t kRetryMs = 1000;

std::size_t largest_payload(const WriterOptions& options) {
  const std::uint64_t room = std::min<std::uint64_t>(options.batch_bytes, options.segment_bytes - kFirstBatchOffset);
  return room - sizeof(DiskBatchHeader) - sizeof(DiskRecordHeader);
}

WriterOptions checked(WriterOptions options) {
  POSTERN_CHECK(options.segment_bytes % kBlockBytes == 0 && options.segment_bytes > kFirstBatchOffset);
  POSTERN_CHECK(options.segment_bytes <= kSegmentBytesMax);
  POSTERN_CHECK(options.batch_bytes % kBlockBytes == 0 && options.batch_bytes > 0 && options.batch_bytes <= kBatchBytesMax);
  return options;
}

std::uint32_t segments_for(std::uint64_t bytes, std::uint64_t segment_bytes) {
  return static_cast<std::uint32_t>((bytes + segment_bytes - 1) / segment_bytes);
}

}  // namespace

// ---- commits ----

void CommitQueue::push_back(CommitAwaiter& commit) noexcept {
  commit.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &commit;
  last_ = &commit;
}

CommitAwaiter& CommitQueue::pop_front() noexcept {
  CommitAwaiter& commit = *first_;
  first_ = std::exchange(commit.next_, nullptr);
  if (first_ == nullptr) last_ = nullptr;
  return commit;
}

void CommitQueue::prepend(CommitQueue& before) noexcept {
  if (before.empty()) return;
  before.last_->next_ = first_;
  if (last_ == nullptr) last_ = before.last_;
  first_ = std::exchange(before.first_, nullptr);
  before.last_ = nullptr;
}

bool CommitAwaiter::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  since_ = Scheduler::current().now();
  return writer_.enqueue(*this);
}

SegmentWriter::SegmentWriter(FileSystem& files, std::string directory, WriterOptions options, Random& random,
                             DamageReporter& reporter, Publisher* doorbell)
    : files_(files),
      directory_(files, std::move(directory)),
      options_(checked(options)),
      reporter_(reporter),
      doorbell_(doorbell),
      preparer_(files, directory_,
                {.shard = options.shard,
                 .segment_bytes = options.segment_bytes,
                 .free_segments_max =
                     std::max({options.free_segments_max, 1U, segments_for(options.preallocate_bytes, options.segment_bytes)})},
                random, stats_),
      payload_bytes_max_(largest_payload(options)),
      buffers_{{{BatchBuffer(options.batch_bytes), {}}, {BatchBuffer(options.batch_bytes), {}}}},
      write_(*this) {}

SegmentWriter::~SegmentWriter() { POSTERN_CHECK(writing_ == nullptr && waiting_.empty() && buffers_[filling_].batch.empty()); }

bool SegmentWriter::enqueue(CommitAwaiter& commit) {
  POSTERN_CHECK(started_);
  commit.payload_bytes_ = encoded_size(commit.input_);
  if (stopping_ || commit.payload_bytes_ > payload_bytes_max_) {
    commit.outcome_ = failure(stopping_ ? Errc::stopped : Errc::too_large, "commit message");
    stats_.refused.add();
    return false;
  }
  waiting_.push_back(commit);
  stats_.waiting.add();
  place_waiting();
  return true;
}

void SegmentWriter::resolve(CommitAwaiter& commit) { Scheduler::current().schedule(commit.handle_); }

SegmentWriter::Placed SegmentWriter::try_place(CommitAwaiter& commit) {
  if (adopting_ || leave_current_) return outage_ ? Placed::no_segment : Placed::later;
  Gathering& filling = buffers_[filling_];
  if (filling.batch.empty()) {
    filling.batch.begin(*current_);
    if (!filling.batch.has_room(commit.payload_bytes_)) {
      if (!rotate()) return outage_ && !preparing_ ? Placed::no_segment : Placed::later;
      filling.batch.begin(*current_);
    }
  }
  if (!filling.batch.has_room(commit.payload_bytes_)) return Placed::later;
  const std::size_t before = filling.batch.length();
  const RecordKey key = filling.batch.append(commit.input_, commit.payload_bytes_);
  commit.outcome_ = CommitReceipt{.key = key, .record_bytes = static_cast<std::uint32_t>(filling.batch.length() - before)};
  filling.commits.push_back(commit);
  return Placed::yes;
}

void SegmentWriter::place_waiting() {
  while (!waiting_.empty()) {
    CommitAwaiter& commit = waiting_.pop_front();
    const Placed placed = try_place(commit);
    if (placed != Placed::yes) {
      CommitQueue back;
      back.push_back(commit);
      waiting_.prepend(back);
      if (placed == Placed::no_segment) fail_waiting(*outage_);
      return;
    }
    stats_.waiting.subtract();
  }
}

void SegmentWriter::fail_waiting(const Error& error) {
  while (!waiting_.empty()) {
    CommitAwaiter& commit = waiting_.pop_front();
    commit.outcome_ = failure(error);
    stats_.waiting.subtract();
    stats_.refused.add();
    resolve(commit);
  }
  if (stopping_ && idle()) drained_.set();
}

// What was encoded for a segment that is not to be used any more waits for the next one. Its inputs are still there.
void SegmentWriter::requeue_filling() {
  Gathering& filling = buffers_[filling_];
  stats_.waiting.add(filling.batch.record_count());
  filling.batch.clear();
  waiting_.prepend(filling.commits);
}

// ---- batches ----

void SegmentWriter::flush() {
  if (writing_ != nullptr || adopting_ || leave_current_ || buffers_[filling_].batch.empty()) return;
  Gathering& filling = buffers_[filling_];
  const std::span<const std::byte> bytes = filling.batch.finish(++current_->batches);
  POSTERN_CHECK(filling.batch.offset() == current_->next_offset);
  current_->next_offset += bytes.size();
  writing_ = current_.get();
  write_.kind = FileRequest::Kind::write_durable;
  write_.bytes = const_cast<std::byte*>(bytes.data());
  write_.size = bytes.size();
  write_.offset = filling.batch.offset();
  write_.fixed_buffer = options_.register_buffers ? static_cast<int>(filling_) : -1;
  filling_ ^= 1;
  writing_->file->start(write_);
  place_waiting();
}

void SegmentWriter::on_written(Result<std::size_t> outcome) {
  if (outcome && *outcome == write_.size)
    complete_batch();
  else
    fail_batch();
  if (leave_current_) leave_current();
  if (outage_) ensure_next();  // while mail flows, an outage ends before the segment does
  place_waiting();
  if (!stopping_) return;
  flush();
  if (idle()) drained_.set();
}

void SegmentWriter::complete_batch() {
  Gathering& written = buffers_[filling_ ^ 1];
  OpenSegment& segment = *std::exchange(writing_, nullptr);
  segment.durable_end = segment.next_offset;
  segment.records += written.batch.record_count();
  stats_.batches.add();
  stats_.commits.add(written.batch.record_count());
  stats_.bytes.add(write_.size);
  stats_.record_bytes.add(written.batch.length());
  publish(segment);
  const Instant now = Scheduler::current().now();
  while (!written.commits.empty()) {
    CommitAwaiter& commit = written.commits.pop_front();
    stats_.commit_us.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now.ns - commit.since_.ns, 0)) / 1000);
    resolve(commit);
  }
  written.batch.clear();
  if (&segment == retiring_.get()) start_sealing();
}

void SegmentWriter::fail_batch() {
  Gathering& written = buffers_[filling_ ^ 1];
  OpenSegment& segment = *std::exchange(writing_, nullptr);
  stats_.in_doubt.add(written.batch.record_count());
  while (!written.commits.empty()) {
    CommitAwaiter& commit = written.commits.pop_front();
    commit.outcome_ = failure(Errc::in_doubt, "write batch");
    resolve(commit);
  }
  written.batch.clear();
  if (&segment == retiring_.get()) abandon(std::move(retiring_));
  leave_current();
}

// Readers hear of a segment only when the ends of all before it are on the disk.
void SegmentWriter::publish(const OpenSegment& segment) {
  if (doorbell_ == nullptr || (&segment == current_.get() && (retiring_ != nullptr || leave_current_))) return;
  doorbell_->publish({segment.header.key, segment.durable_end});
}

// ---- segments ----

bool SegmentWriter::rotate() {
  if (next_ == nullptr || retiring_ != nullptr) {
    ensure_next();
    return false;
  }
  retiring_ = std::exchange(current_, std::move(next_));
  stats_.rotations.add();
  ensure_next();
  if (writing_ == nullptr) start_sealing();
  return true;
}

void SegmentWriter::ensure_next() {
  if (next_ != nullptr || preparing_ || adopting_ || gate_.closed() || (stopping_ && waiting_.empty())) return;
  if (outage_ && Scheduler::current().now() < retry_at_) return;
  preparing_ = true;
  gate_.start(prepare_next());
}

std::vector<SegmentKey> SegmentWriter::live_keys() const {
  std::vector<SegmentKey> keys;
  for (const OpenSegment* segment : {current_.get(), next_.get(), retiring_.get()})
    if (segment != nullptr) keys.push_back(segment->header.key);
  return keys;
}

Task<void> SegmentWriter::prepare_next() {
  auto prepared = co_await preparer_.prepare({}, live_keys());
  preparing_ = false;
  if (prepared) {
    next_ = std::move(*prepared);
    outage_.reset();
  } else {
    outage_ = prepared.error();
    retry_at_ = Scheduler::current().now().plus_ms(kRetryMs);
  }
  prepared_.set();
  place_waiting();
}

void SegmentWriter::start_sealing() { gate_.start(seal_retiring()); }

Task<void> SegmentWriter::seal_retiring() {
  if (co_await seal(*retiring_, SealReason::full)) {
    retiring_.reset();
    if (current_ != nullptr) publish(*current_);
  } else {
    // Readers could not tell where it ends. A fresh header will say so.
    abandon(std::move(retiring_));
    leave_current();
  }
  place_waiting();
}

void SegmentWriter::abandon(std::unique_ptr<OpenSegment> segment) {
  stats_.abandoned.add();
  notes_.push_back({segment->header.key, segment->durable_end});
  abandoned_.push_back(std::move(segment));
}

// Goes on in a segment whose header carries the notes. Waits for the batch in flight, if there is one.
void SegmentWriter::leave_current() {
  if (adopting_ || gate_.closed()) return;
  leave_current_ = true;
  if (writing_ != nullptr) return;
  leave_current_ = false;
  adopting_ = true;
  requeue_filling();
  if (current_->batches > 0) abandon(std::move(current_));
  gate_.start(adopt());
}

Task<void> SegmentWriter::adopt() {
  // What was prepared does not carry the notes, and numbers have to grow in the order of use.
  while (preparing_) {
    prepared_.clear();
    static_cast<void>((co_await prepared_.wait()).has_value());
  }
  for (auto* unused : {&current_, &next_})
    if (*unused != nullptr) co_await preparer_.put_back(std::move(*unused));
  while (!stopping_ || !waiting_.empty()) {
    const std::size_t noted = notes_.size();
    auto prepared = co_await prepare_with_notes();
    if (prepared && noted == notes_.size()) {
      current_ = std::move(*prepared);
      break;
    }
    if (prepared) {
      co_await preparer_.put_back(std::move(*prepared));  // more has gone wrong meanwhile
      continue;
    }
    outage_ = prepared.error();
    fail_waiting(*outage_);
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(kRetryMs), &stop_));
  }
  adopting_ = false;
  if (current_ != nullptr) resume_with_current();
  co_await seal_abandoned();
}

Task<Result<std::unique_ptr<OpenSegment>>> SegmentWriter::prepare_with_notes() {
  if (notes_.size() > kNotesMax) co_return failure(Errc::io, "too many segments failed");
  co_return co_await preparer_.prepare(notes_, live_keys());
}

void SegmentWriter::resume_with_current() {
  outage_.reset();
  notes_.clear();
  publish(*current_);
  ensure_next();
  place_waiting();
  if (stopping_) flush();
}

// The note is enough; a seal of its own spares readers the search, and lets the segment that holds the note go first.
Task<void> SegmentWriter::seal_abandoned() {
  const auto segments = std::exchange(abandoned_, {});
  for (const auto& segment : segments) static_cast<void>(co_await seal(*segment, SealReason::abandoned));
}

Task<bool> SegmentWriter::seal(OpenSegment& segment, SealReason reason) {
  const auto sealed = co_await write_seal(*segment.file, {.key = segment.header.key,
                                                          .end = segment.durable_end,
                                                          .records = segment.records,
                                                          .reason = reason,
                                                          .sealed_us = Scheduler::current().wall_now().us});
  co_return sealed.has_value();
}

// ---- start and stop ----

Task<Result<void>> SegmentWriter::start() {
  POSTERN_CHECK(!started_ && !stopping_);
  if (auto made = co_await directory_.make(); !made) co_return made;
  if (auto recovered = co_await recover_directory(files_, directory_.path(), reporter_, recovery_); !recovered)
    co_return recovered;
  preparer_.set_highest_number(recovery_.highest_number);
  if (options_.register_buffers) {
    const auto registered = files_.register_buffers({buffers_[0].batch.memory(), buffers_[1].batch.memory()});
    options_.register_buffers = registered.has_value();
  }
  const std::uint32_t stocked = segments_for(options_.preallocate_bytes, options_.segment_bytes);
  if (stocked > 0)
    if (auto filled = co_await preparer_.stock(stocked); !filled) co_return filled;
  auto prepared = co_await preparer_.prepare({}, {});
  if (!prepared) co_return failure(prepared.error());
  current_ = std::move(*prepared);
  co_await preparer_.tidy();
  started_ = true;
  publish(*current_);
  ensure_next();
  co_return Result<void>{};
}

Task<void> SegmentWriter::tidy() {
  if (!preparing_ && !adopting_) co_await preparer_.tidy();
}

bool SegmentWriter::idle() const noexcept {
  return writing_ == nullptr && waiting_.empty() && buffers_[filling_].batch.empty();
}

Task<void> SegmentWriter::stop() {
  POSTERN_CHECK(started_ && !stopping_);
  stopping_ = true;
  stop_.request_stop();
  flush();
  while (!idle()) {
    drained_.clear();
    static_cast<void>((co_await drained_.wait()).has_value());
  }
  co_await gate_.close();
  if (current_ != nullptr && current_->batches > 0) {
    static_cast<void>(co_await seal(*current_, SealReason::stopped));  // otherwise the next start does it
    current_.reset();
  }
  for (auto* unused : {&current_, &next_})
    if (*unused != nullptr) co_await preparer_.put_back(std::move(*unused));
  co_await seal_abandoned();
}

}  // namespace postern::spool
