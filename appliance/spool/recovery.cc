#include "appliance/spool/recovery.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "appliance/spool/aligned_buffer.h"
#include "appliance/spool/batch_parse.h"
#include "appliance/spool/open_segment.h"
#include "appliance/spool/segment_directory.h"
#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::spool {
namespace {

constexpr std::size_t kScanBytes = 1024 * 1024;

// Reads one segment through and finds the last good batch. Every block that is not part of a whole batch is looked at as the
// start of one: what counts is whether anything later is good.
class EndFinder {
 public:
  EndFinder(File& file, const SegmentInfo& info, DamageReporter& reporter)
      : file_(file), info_(info), reporter_(reporter), seed_(crc_seed(info.header.key.incarnation)) {}

  // Suspends. Errors of the disk.
  Task<Result<void>> run() {
    const std::uint64_t size = std::min(info_.header.segment_bytes, info_.file_bytes / kBlockBytes * kBlockBytes);
    for (std::uint64_t at = kFirstBatchOffset; at < size;) {
      if (auto loaded = co_await load(at, kBlockBytes, size); !loaded) co_return loaded;
      const auto header = parse_batch_header(window(at), at, info_.header);
      if (!header || header->number <= last_number_ || batch_extent(*header) > size - at) {
        at += kBlockBytes;
        continue;
      }
      if (auto loaded = co_await load(at, batch_extent(*header), size); !loaded) co_return loaded;
      take(*header, window(at));
      at += batch_extent(*header);
    }
    co_return Result<void>{};
  }

  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] std::uint64_t last_batch_records() const noexcept { return last_batch_records_; }
  [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return torn_bytes_; }
  [[nodiscard]] std::uint64_t damaged_bytes() const noexcept { return damaged_bytes_; }

 private:
  void take(const BatchHeader& header, std::span<const std::byte> bytes) {
    if (!is_whole(header, seed_, bytes.first(header.length))) {
      // The end of the segment, unless a good one follows.
      torn_bytes_ += batch_extent(header);
      return;
    }
    if (header.offset != end_) {
      damaged_bytes_ += header.offset - end_;
      reporter_.on_damage({.path = info_.path,
                           .segment = info_.header.key,
                           .kind = DamageKind::batch,
                           .offset = end_,
                           .bytes = header.offset - end_});
    }
    torn_bytes_ = 0;
    last_number_ = header.number;
    last_batch_records_ = header.record_count;
    records_ += header.record_count;
    end_ = header.offset + batch_extent(header);
  }

  // Makes [at, at + want) part of the window.
  Task<Result<void>> load(std::uint64_t at, std::uint64_t want, std::uint64_t size) {
    if (at >= window_offset_ && at + want <= window_offset_ + window_bytes_) co_return Result<void>{};
    const std::uint64_t bytes = std::min<std::uint64_t>(std::max<std::uint64_t>(kScanBytes, want), size - at);
    if (memory_.size() < bytes) memory_ = AlignedBuffer(bytes);
    window_offset_ = at;
    window_bytes_ = 0;
    while (window_bytes_ < bytes) {
      const auto into = memory_.span().subspan(window_bytes_, bytes - window_bytes_);
      const Result<std::size_t> got = co_await file_.read(into, at + window_bytes_);
      if (!got) co_return failure(got.error());
      if (*got == 0 || *got % kBlockBytes != 0) co_return failure(Errc::io, "recover segment: short read");
      window_bytes_ += *got;
    }
    co_return Result<void>{};
  }
  [[nodiscard]] std::span<const std::byte> window(std::uint64_t at) const noexcept {
    return memory_.span().subspan(at - window_offset_, window_offset_ + window_bytes_ - at);
  }

  File& file_;
  const SegmentInfo& info_;
  DamageReporter& reporter_;
  std::uint32_t seed_;
  AlignedBuffer memory_;
  std::uint64_t window_offset_ = 0;
  std::uint64_t window_bytes_ = 0;

  std::uint64_t end_ = kFirstBatchOffset;
  std::uint32_t last_number_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t last_batch_records_ = 0;
  std::uint64_t torn_bytes_ = 0;
  std::uint64_t damaged_bytes_ = 0;
};

class DirectoryRecovery {
 public:
  DirectoryRecovery(FileSystem& files, std::string directory, DamageReporter& reporter, RecoveryReport& report)
      : files_(files), directory_(files, std::move(directory)), reporter_(reporter), report_(report) {}

  Task<Result<void>> run() {
    auto listed = co_await directory_.list();
    if (!listed && listed.error().code == Errc::not_found) co_return Result<void>{};
    if (!listed) co_return failure(listed.error());
    segments_ = std::move(*listed);
    if (auto known = refuse_newer(); !known) co_return known;
    if (auto found = co_await find_highest_number(); !found) co_return found;
    for (const SegmentInfo& info : segments_)
      if (auto recovered = co_await recover(info); !recovered) co_return recovered;
    // Only now: one of them may have held the note that another's seal came from.
    for (const std::string& path : empty_)
      if (auto moved = co_await move_to_free(path); !moved) co_return moved;
    if (renamed_) co_return co_await files_.sync_directory(directory_.path());
    co_return Result<void>{};
  }

 private:
  // Before anything is changed.
  Result<void> refuse_newer() {
    for (const SegmentInfo& info : segments_) {
      if (info.state != HeaderState::newer_version) continue;
      report_.refused_path = info.path;
      report_.refused_version = info.version;
      return failure(Errc::unsupported, "segment of a newer format");
    }
    return {};
  }

  Task<Result<void>> find_highest_number() {
    for (const SegmentInfo& info : segments_) note_number(info);
    const auto free = co_await directory_.list_free();
    if (!free && free.error().code == Errc::not_found) co_return Result<void>{};
    if (!free) co_return failure(free.error());
    for (const SegmentInfo& info : *free) note_number(info);
    co_return Result<void>{};
  }
  void note_number(const SegmentInfo& info) {
    const auto named = parse_segment_name(info.path.substr(info.path.rfind('/') + 1));
    report_.highest_number = std::max({report_.highest_number, named.value_or(0), info.header.key.number});
  }

  Task<Result<void>> recover(const SegmentInfo& info) {
    ++report_.segments;
    if (info.state != HeaderState::good) co_return co_await set_aside(info);
    const std::optional<std::uint64_t> end = final_end(info, segments_);
    if (info.seal) {
      if (*end == kFirstBatchOffset) empty_.push_back(info.path);
      co_return Result<void>{};
    }
    auto file = co_await files_.open(info.path, {.mode = OpenMode::read_write, .direct = true});
    if (!file) co_return failure(file.error());
    SegmentSeal seal{.key = info.header.key, .sealed_us = Scheduler::current().wall_now().us};
    if (end) {
      seal.end = *end;
      seal.reason = SealReason::abandoned;
    } else {
      EndFinder finder(**file, info, reporter_);
      if (auto found = co_await finder.run(); !found) co_return found;
      seal.end = finder.end();
      seal.records = finder.records();
      seal.reason = SealReason::recovered;
      report_.records += finder.records();
      report_.unconfirmed_records += finder.last_batch_records();
      report_.torn_bytes += finder.torn_bytes();
      report_.damaged_bytes += finder.damaged_bytes();
    }
    if (auto sealed = co_await write_seal(**file, seal); !sealed) co_return sealed;
    ++report_.sealed;
    if (seal.end == kFirstBatchOffset) empty_.push_back(info.path);
    co_return Result<void>{};
  }

  Task<Result<void>> set_aside(const SegmentInfo& info) {
    ++report_.unreadable;
    report_.damaged_bytes += info.file_bytes;
    reporter_.on_damage({.path = info.path, .kind = DamageKind::header, .offset = 0, .bytes = info.file_bytes});
    renamed_ = true;
    std::string target = info.path.substr(0, info.path.rfind('.')) + ".damaged";
    co_return co_await files_.rename(info.path, std::move(target));
  }

  Task<Result<void>> move_to_free(const std::string& path) {
    if (auto made = co_await files_.make_directory(directory_.free_path(), 0700); !made) co_return made;
    ++report_.emptied;
    renamed_ = true;
    auto moved = co_await files_.rename(path, directory_.free_path() + path.substr(directory_.path().size()));
    // The reader may have been quicker with one that was sealed before.
    if (!moved && moved.error().code != Errc::not_found) co_return moved;
    co_return Result<void>{};
  }

  FileSystem& files_;
  SegmentDirectory directory_;
  DamageReporter& reporter_;
  RecoveryReport& report_;
  std::vector<SegmentInfo> segments_;
  std::vector<std::string> empty_;
  bool renamed_ = false;
};

}  // namespace

Task<Result<void>> recover_directory(FileSystem& files, std::string directory, DamageReporter& reporter,
                                     RecoveryReport& report) {
  DirectoryRecovery recovery(files, std::move(directory), reporter, report);
  co_return co_await recovery.run();
}

}  // namespace postern::spool
