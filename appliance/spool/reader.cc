#include "appliance/spool/reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

// What a first read of one record takes when its size is not known: most messages are smaller.
constexpr std::size_t kGuessBytes = 16 * 1024;

std::span<std::byte> memory_of(const Block& block) {
  return std::as_writable_bytes(std::span(block.bytes(), block.capacity()));
}

std::span<const std::byte> bytes_of(const Slice& slice) { return std::as_bytes(std::span(slice.view())); }

constexpr std::uint64_t round_down(std::uint64_t offset) noexcept { return offset / kBlockBytes * kBlockBytes; }

}  // namespace

// ---- ReadPool ----

ReadPool::~ReadPool() { POSTERN_CHECK(used_bytes_ == 0); }

Block& ReadPool::acquire(std::size_t bytes) {
  const bool usual = bytes <= kChunkBytes;
  std::unique_ptr<Entry> entry;
  if (usual && !spare_.empty()) {
    entry = std::move(spare_.back());
    spare_.pop_back();
  } else {
    entry = std::make_unique<Entry>();
    entry->memory = AlignedBuffer(usual ? kChunkBytes : round_up(bytes, kBlockBytes));
  }
  // The index finds the entry again when the block comes back.
  const auto index = static_cast<std::uint32_t>(used_.size());
  const auto memory = entry->memory.span();
  entry->block =
      std::make_unique<Block>(*this, reinterpret_cast<char*>(memory.data()), static_cast<std::uint32_t>(memory.size()), index);
  used_bytes_ += memory.size();
  used_.push_back(std::move(entry));
  return *used_.back()->block;
}

void ReadPool::release(Block& block) noexcept {
  const auto at = std::ranges::find(used_, &block, [](const auto& entry) { return entry->block.get(); });
  POSTERN_CHECK(at != used_.end());
  used_bytes_ -= block.capacity();
  std::swap(*at, used_.back());
  std::unique_ptr<Entry> entry = std::move(used_.back());
  used_.pop_back();
  if (entry->memory.size() == kChunkBytes && spare_.size() < kSpareMax) spare_.push_back(std::move(entry));
}

// ---- SegmentReader ----

SegmentReader::SegmentReader(std::string path, std::unique_ptr<File> file, const SegmentHeader& header, ReadPool& pool,
                             DamageReporter& reporter)
    : path_(std::move(path)),
      file_(std::move(file)),
      header_(header),
      seed_(crc_seed(header.key.incarnation)),
      pool_(pool),
      reporter_(reporter) {}

Task<Result<std::unique_ptr<SegmentReader>>> SegmentReader::open(FileSystem& files, std::string path, SegmentKey key,
                                                                 ReadPool& pool, DamageReporter& reporter) {
  auto file = co_await files.open(path, {.mode = OpenMode::read, .direct = true});
  if (!file) co_return failure(file.error());
  const AlignedBuffer block(kBlockBytes);
  const Result<std::size_t> got = co_await (*file)->read(block.span(), 0);
  if (!got) co_return failure(got.error());
  if (*got < kBlockBytes) co_return failure(Errc::bad_format, "open segment");
  const HeaderParse parse = parse_header(block.span().first<kBlockBytes>());
  if (parse.state == HeaderState::newer_version) co_return failure(Errc::unsupported, "open segment");
  if (parse.state != HeaderState::good) co_return failure(Errc::bad_format, "open segment");
  if (parse.header.key != key) co_return failure(Errc::not_found, "open segment");
  co_return std::unique_ptr<SegmentReader>(new SegmentReader(std::move(path), std::move(*file), parse.header, pool, reporter));
}

void SegmentReader::report(DamageKind kind, std::uint64_t offset, std::uint64_t bytes) {
  reporter_.on_damage({.path = path_, .segment = header_.key, .kind = kind, .offset = offset, .bytes = bytes});
}

std::optional<Record> SegmentReader::take() {
  for (;;) {
    if (!batch_ && !start_batch()) return std::nullopt;
    const RecordStep step = batch_->next();
    switch (step.what) {
      case RecordStep::What::record:
        if (step.header.kind == RecordKind::message || step.header.kind == RecordKind::message_side_file)
          return make_record(step);
        report(DamageKind::kind, step.offset, step.bytes);
        break;
      case RecordStep::What::bad_payload:
        report(DamageKind::record, step.offset, step.bytes);
        batch_is_whole_ = false;
        break;
      case RecordStep::What::bad_rest:
        report(DamageKind::records, step.offset, step.bytes);
        batch_is_whole_ = false;
        break;
      case RecordStep::What::end:
        if (batch_is_whole_) last_number_ = batch_->header().number;
        position_ += batch_extent(batch_->header());
        batch_.reset();
        break;
    }
  }
}

Record SegmentReader::make_record(const RecordStep& step) const {
  const std::size_t at = step.offset + sizeof(DiskRecordHeader) - window_offset_;
  return {.key = {header_.key, step.offset},
          .kind = step.header.kind,
          .payload = window_.sub(at, step.header.length),
          .record_bytes = static_cast<std::uint32_t>(step.bytes)};
}

std::span<const std::byte> SegmentReader::window_at(std::uint64_t offset) const {
  const std::uint64_t end = window_offset_ + window_.size();
  if (offset < window_offset_ || offset >= end) return {};
  return bytes_of(window_).subspan(offset - window_offset_);
}

// Recovery goes by the same rule, so that both find the same records.
bool SegmentReader::follows(const BatchHeader& header, std::uint64_t at) const noexcept {
  return header.number > last_number_ && batch_extent(header) <= limit_ - at;
}

// Begins the batch at position_ when all of it is in the window.
bool SegmentReader::start_batch() {
  const auto bytes = window_at(position_);
  if (bytes.empty() || position_ >= limit_) return false;
  const auto header = parse_batch_header(bytes, position_, header_);
  if (!header || !follows(*header, position_) || batch_extent(*header) > bytes.size()) return false;
  batch_is_whole_ = true;
  batch_.emplace(*header, seed_, bytes.first(header->length));
  return true;
}

Task<Result<bool>> SegmentReader::fetch(std::uint64_t limit) {
  POSTERN_CHECK(!batch_ && limit % kBlockBytes == 0);
  limit_ = limit;
  const std::uint64_t gap = position_;
  for (std::uint64_t at = position_; at < limit_;) {
    if (auto loaded = co_await load(at, kBlockBytes); !loaded) co_return failure(loaded.error());
    const auto bytes = window_at(at);
    if (bytes.size() < kBlockBytes) {
      report(DamageKind::end, gap, limit_ - gap);
      break;
    }
    const auto header = parse_batch_header(bytes, at, header_);
    if (!header || !follows(*header, at)) {
      at += kBlockBytes;
      if (at == limit_) report(DamageKind::batch, gap, at - gap);
      continue;
    }
    if (auto loaded = co_await load(at, batch_extent(*header)); !loaded) co_return failure(loaded.error());
    if (at != gap) report(DamageKind::batch, gap, at - gap);
    position_ = at;
    if (start_batch()) co_return true;
    report(DamageKind::end, position_, limit_ - position_);
    break;
  }
  position_ = std::max(position_, limit_);
  co_return false;
}

// Makes [offset, offset + want) part of the window, as far as the file goes.
Task<Result<void>> SegmentReader::load(std::uint64_t offset, std::uint64_t want) {
  const std::size_t kept = window_at(offset).size();
  if (kept >= want) co_return Result<void>{};
  const bool follows = kept > 0 || (window_block_ != nullptr && offset == window_offset_ + window_.size());
  if (!follows || kept + window_block_->capacity() - window_.size() < want) move_window(offset, want);
  const std::size_t used = window_.size();
  const std::uint64_t end = window_offset_ + used;
  const std::size_t room = std::min<std::uint64_t>(window_block_->capacity() - used, limit_ - end);
  const Result<std::size_t> got = co_await read_blocks(memory_of(*window_block_).subspan(used, room), end);
  if (!got) co_return failure(got.error());
  window_ = Slice(*window_block_, window_block_->bytes(), used + *got);
  co_return Result<void>{};
}

// Begins a window at `offset` with room for `bytes`; what the old one has of it is kept.
void SegmentReader::move_window(std::uint64_t offset, std::uint64_t bytes) {
  const auto kept = window_at(offset);
  Block& block = pool_.acquire(std::max<std::uint64_t>(ReadPool::kChunkBytes, bytes));
  if (!kept.empty()) std::memcpy(block.bytes(), kept.data(), kept.size());
  window_ = Slice(block, block.bytes(), kept.size());
  window_block_ = &block;
  window_offset_ = offset;
}

// Whole blocks only; fewer than asked for at the end of the file.
Task<Result<std::size_t>> SegmentReader::read_blocks(std::span<std::byte> into, std::uint64_t offset) {
  std::size_t have = 0;
  while (have < into.size()) {
    const Result<std::size_t> got = co_await file_->read(into.subspan(have), offset + have);
    if (!got) co_return failure(got.error());
    have += *got / kBlockBytes * kBlockBytes;
    if (*got == 0 || *got % kBlockBytes != 0) break;
  }
  co_return have;
}

void SegmentReader::seek(std::uint64_t offset) {
  POSTERN_CHECK(offset % kBlockBytes == 0 && offset >= kFirstBatchOffset);
  batch_.reset();
  window_.reset();
  window_block_ = nullptr;
  position_ = offset;
  last_number_ = 0;
  limit_ = 0;
}

Task<Result<Record>> SegmentReader::read_at(std::uint64_t offset, std::uint32_t record_bytes) {
  const Error bad{Errc::bad_format, 0, "read record"};
  if (offset < kFirstBatchOffset || offset >= header_.segment_bytes) co_return failure(bad);
  const std::uint64_t first = round_down(offset);
  std::uint64_t want = record_bytes != 0 ? record_bytes : kGuessBytes;
  for (;;) {
    const std::uint64_t end = std::min(round_up(offset + want, kBlockBytes), header_.segment_bytes);
    Block& block = pool_.acquire(end - first);
    Slice bytes(block, block.bytes(), end - first);
    const Result<std::size_t> got = co_await read_blocks(memory_of(block).first(end - first), first);
    if (!got) co_return failure(got.error());
    bytes.remove_suffix(bytes.size() - *got);
    if (bytes.size() <= offset - first) break;
    bytes.remove_prefix(offset - first);
    const auto header = parse_record_header(bytes_of(bytes), offset, seed_);
    if (!header || header->length > kBatchBytesMax) break;
    const std::uint64_t extent = record_extent(header->length);
    if (extent > bytes.size()) {
      if (extent <= want) break;  // the file ends within it
      want = extent;
      continue;
    }
    const Slice payload = bytes.sub(sizeof(DiskRecordHeader), header->length);
    if (crc32c(seed_, bytes_of(payload)) != header->payload_crc) break;
    co_return Record{.key = {header_.key, offset},
                     .kind = header->kind,
                     .payload = payload,
                     .record_bytes = static_cast<std::uint32_t>(extent)};
  }
  report(DamageKind::record, offset, record_bytes);
  co_return failure(bad);
}

}  // namespace postern::spool
