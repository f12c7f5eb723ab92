#include "appliance/delivery/journal.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace postern::delivery {

namespace {

// A journal longer than this is not one that we wrote.
constexpr std::size_t kFileBytesMax = std::size_t{4} << 30;

struct Replay final : JournalReader {
  explicit Replay(Ledger& into) : ledger(into) {}
  Ledger& ledger;
  bool on_record(const JournalRecord& record) override { return ledger.replay(record); }
};

}  // namespace

Journal::Journal(FileSystem& files, std::string directory, Ledger& ledger, Random& random, JournalReporter& reporter,
                 JournalOptions options)
    : files_(files),
      directory_(std::move(directory)),
      ledger_(ledger),
      random_(random),
      reporter_(reporter),
      options_(options),
      buffer_(kJournalBatchBytesMax) {}

Journal::~Journal() = default;

Task<Result<JournalDamage>> Journal::start() {
  JournalDamage damage;
  const Result<std::string> bytes = co_await files_.read_all(path(), kFileBytesMax);
  if (bytes) {
    Replay replay(ledger_);
    Result<JournalDamage> read = read_journal(*bytes, replay);
    if (!read) co_return failure(read.error());
    damage = *read;
  } else if (bytes.error().code != Errc::not_found) {
    co_return failure(bytes.error());
  }
  if (!bytes || damage.unreadable_bytes > 0) ledger_.lose_outcomes();
  const Result<void> begun = co_await begin_file();
  if (!begun) co_return failure(begun.error());
  co_return damage;
}

Journal::Ticket Journal::append(const JournalRecord& record) {
  std::string bytes;
  append_record(bytes, record);
  if (gathering_.empty() || gathering_.back().bytes.size() + bytes.size() > kJournalBatchBytesMax)
    gathering_.push_back({std::string(kJournalBatchHeaderBytes, '\0'), 0});
  gathering_.back().bytes += bytes;
  gathering_.back().last = ++appended_;
  stats_.records.add();
  return appended_;
}

Journal::Durable Journal::durable(Ticket ticket, const Wait& wait) { return Durable(*this, ticket, wait); }

void Journal::Durable::await_suspend(std::coroutine_handle<> handle) {
  const auto later = [](Ticket ticket, const Durable* waiter) { return ticket < waiter->ticket_; };
  const auto at = std::upper_bound(journal_.waiters_.begin(), journal_.waiters_.end(), ticket_, later);
  journal_.waiters_.insert(at, this);
  suspend(handle, wait_);
}

void Journal::Durable::on_cut_short(Errc why) {
  error_ = why;
  std::erase(journal_.waiters_, this);
  resume();
}

void Journal::set_durable(Ticket ticket) {
  durable_ = ticket;
  while (!waiters_.empty() && waiters_.front()->ticket_ <= durable_) {
    Durable* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->resume();
  }
}

void Journal::flush() {
  if (writing_ || gathering_.empty() || !file_) return;
  writing_ = true;
  gate_.start(write_out());
}

Task<void> Journal::stop() {
  stopping_ = true;
  flush();
  stop_.request_stop();
  co_await gate_.close();
  file_.reset();
}

Task<void> Journal::write_out() {
  while (!gathering_.empty() || !is_durable(appended_)) {
    const Instant earliest = batch_started_.plus_ms(options_.batch_gap_ms);
    if (earliest > Scheduler::current().now()) static_cast<void>(co_await sleep_until(earliest, &stop_));
    batch_started_ = Scheduler::current().now();
    Result<void> written;
    if (!gathering_.empty() && has_room(gathering_.front().bytes.size())) {
      Gathering batch = std::move(gathering_.front());
      gathering_.pop_front();
      written = co_await write_batch(std::move(batch.bytes));
      if (written) {
        set_durable(batch.last);
        continue;
      }
      place_.end = place_.file_bytes;  // what is there now is in doubt: go on in a new file
    } else {
      written = co_await begin_file();
    }
    if (written) continue;
    stats_.failures.add();
    reporter_.on_journal_failure(written.error());
    if (stopping_) break;
    static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(options_.repair_gap_ms), &stop_));
  }
  writing_ = false;
}

bool Journal::has_room(std::size_t batch_bytes) const noexcept {
  return place_.end + round_up(batch_bytes, kJournalBlockBytes) <= place_.file_bytes;
}

Task<Result<void>> Journal::write_batch(std::string batch) {
  seal_batch(batch, place_.incarnation, place_.sequence + 1);
  const Result<void> written = co_await write_at(*file_, batch, place_.end, true);
  if (!written) co_return written;
  ++place_.sequence;
  place_.end += batch.size();
  stats_.batches.add();
  co_return written;
}

// `bytes` are whole blocks, at most a batch of them.
Task<Result<void>> Journal::write_at(File& file, std::string_view bytes, std::uint64_t offset, bool durable) {
  std::memcpy(buffer_.data(), bytes.data(), bytes.size());
  const std::span<const std::byte> from = buffer_.span().first(bytes.size());
  const Result<std::size_t> written = durable ? co_await file.write_durable(from, offset) : co_await file.write(from, offset);
  if (!written) co_return failure(written.error());
  if (*written != bytes.size()) co_return failure(Errc::in_doubt, "write the journal");
  co_return Result<void>{};
}

std::uint64_t Journal::bytes_needed() const {
  constexpr std::uint64_t kRoomToGrow = 4;
  return round_up(std::max(options_.file_bytes, kRoomToGrow * ledger_.snapshot_bytes()), kJournalBlockBytes);
}

Task<Result<void>> Journal::begin_file() {
  const std::string new_path = path() + ".new";
  const std::uint64_t bytes = bytes_needed();
  const Result<void> removed = co_await files_.remove(new_path);
  if (!removed && removed.error().code != Errc::not_found) co_return removed;
  const Result<void> filled = co_await files_.fill_with_zeros(new_path, bytes);
  if (!filled) co_return filled;
  Result<std::unique_ptr<File>> file = co_await files_.open(new_path, {.mode = OpenMode::read_write, .direct = true});
  if (!file) co_return failure(file.error());

  const Ticket covered = appended_;
  const Result<Place> place = co_await write_snapshot(**file, random_.next(), bytes);
  if (!place) co_return failure(place.error());
  const Result<void> renamed = co_await files_.rename(new_path, path());
  if (!renamed) co_return renamed;
  const Result<void> synced = co_await files_.sync_directory(directory_);
  if (!synced) co_return synced;
  file_ = std::move(*file);
  place_ = *place;
  stats_.files.add();
  set_durable(covered);
  co_return Result<void>{};
}

// Everything gathered so far is part of the snapshot.
Task<Result<Journal::Place>> Journal::write_snapshot(File& file, std::uint64_t incarnation, std::uint64_t file_bytes) {
  std::deque<std::string> batches;
  ledger_.snapshot([&batches](const JournalRecord& record) {
    std::string bytes;
    append_record(bytes, record);
    if (batches.empty() || batches.back().size() + bytes.size() > kJournalBatchBytesMax)
      batches.emplace_back(kJournalBatchHeaderBytes, '\0');
    batches.back() += bytes;
  });
  gathering_.clear();
  place_.end = place_.file_bytes;  // the old file takes nothing more, whatever becomes of the new one
  Place place{file_bytes, incarnation, 0, kJournalBlockBytes};
  Result<void> written = co_await write_at(file, make_journal_header(incarnation), 0, false);
  for (std::string& batch : batches) {
    if (!written) co_return failure(written.error());
    seal_batch(batch, incarnation, ++place.sequence);
    if (place.end + batch.size() > file_bytes) co_return failure(Errc::too_large, "write the journal's first batches");
    written = co_await write_at(file, batch, place.end, false);
    place.end += batch.size();
  }
  if (!written) co_return failure(written.error());
  const Result<std::size_t> synced = co_await file.sync();
  if (!synced) co_return failure(synced.error());
  co_return place;
}

}  // namespace postern::delivery
