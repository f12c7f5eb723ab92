#include "appliance/delivery/tail.h"

#include <algorithm>
#include <utility>

#include "appliance/delivery/store.h"
#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

DirectoryTail::DirectoryTail(TailDeps deps, std::string directory, std::optional<spool::Subscriber> doorbell,
                             TailOptions options)
    : deps_(deps), directory_(deps.files, std::move(directory)), doorbell_(doorbell), options_(options) {}

bool DirectoryTail::holds(const spool::SegmentKey& segment) const {
  const auto found = segments_.find(segment.number);
  return found != segments_.end() && found->second.key == segment;
}

bool DirectoryTail::has_read_what_is_sealed() const {
  const auto is_behind = [](const auto& entry) { return entry.second.final_end && !entry.second.is_read; };
  return has_looked_ && std::ranges::none_of(segments_, is_behind);
}

std::vector<ReadSegment> DirectoryTail::read_segments() const {
  std::vector<ReadSegment> found;
  for (const auto& [number, segment] : segments_)
    if (segment.is_read && !segment.is_leaving)
      found.push_back({segment.key, segment.path, segment.segment_bytes, segment.read_at});
  return found;
}

std::int64_t DirectoryTail::idle_ms() const noexcept {
  return doorbell_ && deps_.waiter == nullptr ? options_.poll_ms : options_.list_ms;
}

Task<void> DirectoryTail::run(StopSource& stop) {
  stop_ = &stop;
  if (doorbell_ && deps_.waiter != nullptr) gate_.start(listen(stop));
  while (!stop.stop_requested()) {
    news_.clear();
    const Result<void> passed = co_await pass();
    if (!passed) deps_.sink.on_trouble(directory(), passed.error());
    may_sleep_.set();
    const std::int64_t wait_ms = passed ? idle_ms() : options_.trouble_ms;
    static_cast<void>(co_await news_.wait({Scheduler::current().now().plus_ms(wait_ms), &stop}));
  }
  may_sleep_.set();
  co_await gate_.close();
  for (auto& [number, segment] : segments_) segment.reader.reset();
}

// Turns the doorbell's wake-ups into news. Declared asleep only after a pass that looked at the doorbell.
Task<void> DirectoryTail::listen(StopSource& stop) {
  while (!stop.stop_requested() && !doorbell_is_lost_) {
    static_cast<void>(co_await may_sleep_.wait({Instant::never(), &stop}));
    may_sleep_.clear();
    if (stop.stop_requested()) break;
    if (doorbell_->try_sleep()) {
      static_cast<void>(co_await deps_.waiter->readable(doorbell_->event_fd(), {Instant::never(), &stop}));
      doorbell_->wake();
    }
    news_.set();
  }
}

std::optional<spool::DurablePosition> DirectoryTail::durable_position() {
  if (has_no_doorbell()) return deps_.asked != nullptr ? *deps_.asked : std::nullopt;
  const Result<std::optional<spool::DurablePosition>> position = doorbell_->read();
  if (position) return *position;
  if (position.error().code == Errc::busy) return std::nullopt;  // between two segments: look again later
  doorbell_is_lost_ = true;
  deps_.sink.on_trouble(directory(), position.error());
  return std::nullopt;
}

// A new segment is there, or one that was being written has its end on the disk.
bool DirectoryTail::must_look(const std::optional<spool::DurablePosition>& position) const {
  if (!has_looked_ || Scheduler::current().now() >= looked_at_.plus_ms(options_.list_ms)) return true;
  if (!position) return false;
  const auto is_behind = [&](const auto& entry) {
    return entry.second.key.number < position->segment.number && !entry.second.final_end;
  };
  return !holds(position->segment) || std::ranges::any_of(segments_, is_behind);
}

Task<Result<void>> DirectoryTail::pass() {
  const std::optional<spool::DurablePosition> position = durable_position();
  if (must_look(position)) {
    const Result<void> looked = co_await look();
    if (!looked) co_return looked;
  }
  std::vector<std::uint64_t> unread;
  for (const auto& [number, segment] : segments_)
    if (!segment.is_read && !segment.is_leaving) unread.push_back(number);
  for (const std::uint64_t number : unread) {
    const auto found = segments_.find(number);
    if (found == segments_.end() || found->second.is_leaving) continue;
    Segment& segment = found->second;
    const bool is_published = position && position->segment == segment.key;
    const std::uint64_t limit = segment.final_end.value_or(is_published ? position->offset : 0);
    if (limit == 0) continue;
    const Result<void> read = co_await read_segment(segment, limit);
    if (!read) co_return read;
  }
  if (std::exchange(look_for_done_, false)) leave_done();
  co_return Result<void>{};
}

Task<Result<void>> DirectoryTail::look() {
  const Result<std::vector<spool::SegmentInfo>> listed = co_await directory_.list();
  if (!listed && listed.error().code != Errc::not_found) co_return failure(listed.error());
  looked_at_ = Scheduler::current().now();
  take_listing(listed ? *listed : std::vector<spool::SegmentInfo>());
  has_looked_ = true;
  co_return Result<void>{};
}

void DirectoryTail::take_listing(const std::vector<spool::SegmentInfo>& listed) {
  std::set<std::uint64_t> seen;
  for (const spool::SegmentInfo& info : listed) {
    if (info.state != spool::HeaderState::good) {
      report_unreadable(info);
      continue;
    }
    seen.insert(info.header.key.number);
    Segment& segment = segments_[info.header.key.number];
    if (segment.key != info.header.key && !segment.is_leaving)
      segment = Segment{.key = info.header.key, .path = info.path, .segment_bytes = info.header.segment_bytes};
    if (segment.key == info.header.key) segment.final_end = spool::final_end(info, listed);
  }
  std::erase_if(segments_, [&](const auto& entry) { return !entry.second.is_leaving && !seen.contains(entry.first); });
}

// Once each. A file without a good header is the writer's to set aside; one of a newer format waits for a newer postern.
void DirectoryTail::report_unreadable(const spool::SegmentInfo& info) {
  if (info.state == spool::HeaderState::blank || !unreadable_.insert(info.path).second) return;
  const bool is_newer = info.state == spool::HeaderState::newer_version;
  deps_.sink.on_trouble(info.path, {is_newer ? Errc::unsupported : Errc::bad_format, 0, "read segment header"});
}

Task<Result<void>> DirectoryTail::read_segment(Segment& segment, std::uint64_t limit) {
  const spool::SegmentKey key = segment.key;
  if (!std::exchange(segment.is_known_queued, true))
    deps_.ledger.for_each_queued(key, [this](QueuedMessage& message) { hand_on(message, std::nullopt); });
  const bool was_read = segment.final_end && deps_.ledger.scanned_to(key) >= *segment.final_end;
  if (!was_read && !deps_.ledger.is_drained(key)) {
    if (!segment.reader) {
      Result<std::unique_ptr<spool::SegmentReader>> reader =
          co_await spool::SegmentReader::open(deps_.files, segment.path, key, deps_.pool, deps_.damage);
      if (!reader && reader.error().code == Errc::not_found) {
        has_looked_ = false;  // ingress has taken it back since: recovery does that with what was never written to
        co_return Result<void>{};
      }
      if (!reader) co_return failure(reader.error());
      segment.reader = std::move(*reader);
    }
    for (;;) {
      while (deps_.sink.has_room()) {
        std::optional<spool::Record> record = segment.reader->take();
        if (!record) break;
        take_record(std::move(*record));
      }
      if (!deps_.sink.has_room() || stop_->stop_requested()) co_return Result<void>{};
      const Result<bool> more = co_await segment.reader->fetch(limit);
      if (!more) co_return failure(more.error());
      if (!*more) break;
    }
  }
  if (!segment.final_end || limit < *segment.final_end) co_return Result<void>{};
  if (!deps_.ledger.is_drained(key)) deps_.ledger.skip_to(key, *segment.final_end);
  segment.is_read = true;
  segment.read_at = Scheduler::current().now();
  segment.reader.reset();
  look_for_done_ = true;
  co_return Result<void>{};
}

void DirectoryTail::take_record(spool::Record record) {
  if (record.key.offset < deps_.ledger.scanned_to(record.key.segment)) return;
  const std::uint64_t end = record.key.offset + record.record_bytes;
  if (options_.has_copies && !deps_.ledger.outcomes_lost() && deps_.ledger.find(record.key) == nullptr && is_copy(record)) {
    deps_.ledger.skip_to(record.key.segment, end);
    return;
  }
  QueuedMessage* message = deps_.ledger.admit(record.key, end, 0);
  if (message != nullptr) hand_on(*message, std::move(record));
}

void DirectoryTail::hand_on(QueuedMessage& message, std::optional<spool::Record> record) {
  if (std::exchange(message.is_handed_on, true)) return;
  deps_.sink.on_message(message, std::move(record));
}

void DirectoryTail::leave_done() {
  if (deps_.is_copying != nullptr && *deps_.is_copying) {
    look_for_done_ = true;
    return;
  }
  const Instant now = Scheduler::current().now();
  for (auto& [number, segment] : segments_) {
    if (!segment.is_read || segment.is_leaving || deps_.ledger.queued_in(segment.key) > 0) continue;
    if (now < segment.leave_after) {
      look_for_done_ = true;
      continue;
    }
    segment.is_leaving = true;
    ++leaving_;
    gate_.start(leave(segment.key));
  }
}

// The journal first, durably; then the file. Either may be cut short by a crash: the next life does the rest.
Task<void> DirectoryTail::leave(spool::SegmentKey key) {
  Result<void> left;
  if (!deps_.ledger.is_drained(key)) {
    const Journal::Ticket ticket = deps_.journal.append(deps_.ledger.drain(key));
    left = co_await deps_.journal.durable(ticket, {Instant::never(), stop_});
  }
  if (left) left = co_await directory_.hand_back(key);
  if (left && options_.removes_free_files) left = co_await directory_.remove_free();
  --leaving_;
  const auto found = segments_.find(key.number);
  if (left || left.error().code == Errc::not_found) {
    segments_.erase(found);
    co_return;
  }
  found->second.is_leaving = false;
  found->second.leave_after = Scheduler::current().now().plus_ms(options_.trouble_ms);
  look_for_done_ = true;
  if (left.error().code != Errc::busy && left.error().code != Errc::stopped) deps_.sink.on_trouble(directory(), left.error());
}

Task<Result<spool::Record>> DirectoryTail::read(spool::RecordKey key) {
  const auto found = segments_.find(key.segment.number);
  const std::string path = found == segments_.end() ? directory_.path_of(key.segment.number) : found->second.path;
  const Result<std::unique_ptr<spool::SegmentReader>> reader =
      co_await spool::SegmentReader::open(deps_.files, path, key.segment, deps_.pool, deps_.damage);
  if (!reader) co_return failure(reader.error());
  co_return co_await (*reader)->read_at(key.offset);
}

Task<Result<std::set<std::uint64_t>>> DirectoryTail::incarnations() {
  if (leaving_ > 0) co_return failure(Errc::busy, "look for segments that are gone");
  std::set<std::uint64_t> found;
  for (const std::string& path : {directory_.path(), directory_.free_path()}) {
    const Result<void> synced = co_await deps_.files.sync_directory(path);
    if (!synced && synced.error().code != Errc::not_found) co_return failure(synced.error());
  }
  // Free files first: the writer takes them from there.
  for (const bool in_free : {true, false}) {
    const Result<std::vector<spool::SegmentInfo>> listed =
        in_free ? co_await directory_.list_free() : co_await directory_.list();
    if (!listed && listed.error().code == Errc::not_found) continue;
    if (!listed) co_return failure(listed.error());
    for (const spool::SegmentInfo& info : *listed) found.insert(info.header.key.incarnation);
  }
  if (leaving_ > 0) co_return failure(Errc::busy, "look for segments that are gone");
  co_return found;
}

}  // namespace postern::delivery
