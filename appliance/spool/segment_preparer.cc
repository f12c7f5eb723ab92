#include "appliance/spool/segment_preparer.h"

#include <algorithm>
#include <utility>

#include "appliance/spool/aligned_buffer.h"
#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::spool {
namespace {

Task<Result<void>> write_header(File& file, const SegmentHeader& header) {
  const AlignedBuffer block(kBlockBytes);
  encode_header(header, block.span().first<kBlockBytes>());
  const Result<std::size_t> written = co_await file.write_durable(block.span(), 0);
  if (!written) co_return failure(written.error());
  if (*written != kBlockBytes) co_return failure(Errc::io, "write segment header");
  co_return Result<void>{};
}

// Nothing when the header does not read: such a file is nobody's.
Task<Result<std::optional<SegmentKey>>> read_key(File& file) {
  const AlignedBuffer block(kBlockBytes);
  const Result<std::size_t> got = co_await file.read(block.span(), 0);
  if (!got) co_return failure(got.error());
  const HeaderParse parse = parse_header(block.span().first<kBlockBytes>());
  std::optional<SegmentKey> key;
  if (*got == kBlockBytes && parse.state == HeaderState::good) key = parse.header.key;
  co_return key;
}

// Bad files in one go before a new one is made.
constexpr unsigned kTriesMax = 3;

bool is_worth_another(const Error& error) { return error.code == Errc::io || error.code == Errc::in_doubt; }

}  // namespace

Task<Result<std::vector<DirectoryEntry>>> SegmentPreparer::free_files() {
  auto entries = co_await files_.list(directory_.free_path());
  if (!entries) co_return failure(entries.error());
  std::erase_if(*entries, [](const DirectoryEntry& entry) { return entry.is_directory || !parse_segment_name(entry.name); });
  stats_.segments_free.set(entries->size());
  co_return std::move(*entries);
}

Task<Result<void>> SegmentPreparer::sync_both() {
  if (auto synced = co_await files_.sync_directory(directory_.path()); !synced) co_return synced;
  co_return co_await files_.sync_directory(directory_.free_path());
}

Task<Result<void>> SegmentPreparer::fill(std::string path) {
  auto filled = co_await files_.fill_with_zeros(path, options_.segment_bytes);
  if (filled) co_return filled;
  // Half a segment on a full disk would keep it full.
  static_cast<void>((co_await files_.remove(path)).has_value());
  co_return filled;
}

SegmentHeader SegmentPreparer::make_header(const std::vector<SegmentNote>& notes) {
  POSTERN_CHECK(notes.size() <= kNotesMax);
  SegmentHeader header;
  header.key = {++highest_number_, random_.next()};
  header.segment_bytes = options_.segment_bytes;
  header.created_us = Scheduler::current().wall_now().us;
  header.shard = options_.shard.value();
  header.note_count = static_cast<std::uint32_t>(notes.size());
  std::ranges::copy(notes, header.notes.begin());
  return header;
}

Task<Result<std::unique_ptr<OpenSegment>>> SegmentPreparer::take(std::string path, std::uint64_t file_bytes,
                                                                 const std::vector<SegmentNote>& notes,
                                                                 const std::vector<SegmentKey>& live) {
  if (file_bytes != options_.segment_bytes)
    if (auto filled = co_await fill(path); !filled) co_return failure(filled.error());
  auto file = co_await files_.open(path, {.mode = OpenMode::read_write, .direct = true});
  if (!file) co_return failure(file.error());
  const auto before = co_await read_key(**file);
  if (!before) co_return failure(before.error());
  if (*before && std::ranges::find(live, **before) != live.end()) co_return failure(Errc::busy, "take free segment");

  auto segment = std::make_unique<OpenSegment>();
  segment->header = make_header(notes);
  segment->seed = crc_seed(segment->header.key.incarnation);
  segment->path = directory_.path_of(segment->header.key.number);
  segment->file = std::move(*file);
  if (auto written = co_await write_header(*segment->file, segment->header); !written) co_return failure(written.error());
  if (auto renamed = co_await files_.rename(path, segment->path); !renamed) co_return failure(renamed.error());
  // Before anything is acknowledged from it: a segment found in free/ is nobody's. Also makes the hand-back durable that
  // brought the file here; until then it may be found under its old name, with the new header and nothing in it.
  if (auto synced = co_await sync_both(); !synced) {
    static_cast<void>((co_await files_.rename(segment->path, path)).has_value());  // nobody would hand it back
    co_return failure(synced.error());
  }
  stats_.segments_in_use.add();
  stats_.segments_free.set(stats_.segments_free.get() > 0 ? stats_.segments_free.get() - 1 : 0);
  co_return std::move(segment);
}

Task<Result<std::unique_ptr<OpenSegment>>> SegmentPreparer::prepare(std::vector<SegmentNote> notes,
                                                                    std::vector<SegmentKey> live) {
  const auto entries = co_await free_files();
  if (!entries) co_return failure(entries.error());
  unsigned tries = kTriesMax;
  for (const DirectoryEntry& entry : *entries) {
    if (tries-- == 0) break;
    std::string path = directory_.free_path() + "/" + entry.name;
    auto taken = co_await take(path, entry.size_bytes, notes, live);
    if (taken || !is_worth_another(taken.error())) {
      if (taken || taken.error().code != Errc::busy) co_return std::move(taken);
      continue;
    }
    // A bad spot on the disk: this file is of no more use.
    static_cast<void>((co_await files_.remove(path)).has_value());
  }
  std::string path = directory_.free_path() + "/" + segment_name(highest_number_ + 1);
  if (auto filled = co_await fill(path); !filled) co_return failure(filled.error());
  stats_.segments_free.add();
  co_return co_await take(std::move(path), options_.segment_bytes, notes, live);
}

Task<void> SegmentPreparer::put_back(std::unique_ptr<OpenSegment> segment) {
  const std::string target = directory_.free_path() + segment->path.substr(directory_.path().size());
  if ((co_await files_.rename(segment->path, target)).has_value()) {
    stats_.segments_in_use.subtract();
    stats_.segments_free.add();
  }
}

Task<Result<void>> SegmentPreparer::stock(std::uint32_t count) {
  const auto entries = co_await free_files();
  if (!entries) co_return failure(entries.error());
  for (std::size_t have = entries->size(); have < count; ++have) {
    // The number is used up by the name, not by a header: names and headers never meet again.
    if (auto filled = co_await fill(directory_.free_path() + "/" + segment_name(++highest_number_)); !filled) co_return filled;
    stats_.segments_free.add();
  }
  co_return co_await files_.sync_directory(directory_.free_path());
}

Task<void> SegmentPreparer::tidy() {
  const auto entries = co_await free_files();
  if (!entries) co_return;
  for (std::size_t left = entries->size(); left > options_.free_segments_max; --left) {
    const auto removed = co_await files_.remove(directory_.free_path() + "/" + (*entries)[left - 1].name);
    if (removed) stats_.segments_free.subtract();
  }
  const auto used = co_await files_.list(directory_.path());
  if (!used) co_return;
  stats_.segments_in_use.set(static_cast<std::uint64_t>(
      std::ranges::count_if(*used, [](const DirectoryEntry& e) { return parse_segment_name(e.name).has_value(); })));
}

}  // namespace postern::spool
