// Reading segments: delivery follows them, retries read single records again, recovery looks for their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "appliance/spool/aligned_buffer.h"
#include "appliance/spool/batch_parse.h"
#include "appliance/spool/damage.h"
#include "appliance/spool/segment_directory.h"
#include "appliance/spool/segment_format.h"
#include "engine/base/result.h"
#include "engine/buffer/slice.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"

namespace postern::spool {

// Blocks that reads go to. Records are handed out as slices of them, so a slice that is kept pins its block
// (Slice::pinned_bytes()). One shard; outlives its readers and all slices.
class ReadPool final : public BlockOwner {
 public:
  static constexpr std::size_t kChunkBytes = 256 * 1024;

  ReadPool() = default;
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;
  ~ReadPool() override;

  // At least `bytes`, on a block boundary. References: 0; a block that gets none is given back with release().
  [[nodiscard]] Block& acquire(std::size_t bytes);
  void release(Block& block) noexcept override;
  // Bytes in blocks handed out.
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_bytes_; }

 private:
  static constexpr std::size_t kSpareMax = 4;
  struct Entry {
    AlignedBuffer memory;
    std::unique_ptr<Block> block;
  };
  std::vector<std::unique_ptr<Entry>> used_;
  std::vector<std::unique_ptr<Entry>> spare_;  // of kChunkBytes
  std::size_t used_bytes_ = 0;
};

struct Record {
  RecordKey key;
  RecordKind kind = RecordKind::message;
  Slice payload;                   // pins a block of the ReadPool; parse_message() reads it
  std::uint32_t record_bytes = 0;  // in the segment, header included

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(payload.view())); }
};

// One segment. One shard; fetch() and read_at() of one reader may be in flight side by side, two fetches may not. FileSystem
// and pool and reporter outlive it. Destroyed only when nothing is in flight.
//
//   for (;;) {
//     while (std::optional<Record> record = reader.take()) handle(std::move(*record));
//     Result<bool> more = co_await reader.fetch(limit);
//     if (!more || !*more) break;
//   }
class SegmentReader {
 public:
  // Opens the file and checks that it is `key`: not_found when it is another (handed back and reused), bad_format when its
  // header does not read, unsupported for a newer format. Suspends.
  [[nodiscard]] static Task<Result<std::unique_ptr<SegmentReader>>> open(FileSystem& files, std::string path, SegmentKey key,
                                                                         ReadPool& pool, DamageReporter& reporter);
  SegmentReader(const SegmentReader&) = delete;
  SegmentReader& operator=(const SegmentReader&) = delete;
  ~SegmentReader() = default;

  [[nodiscard]] const SegmentHeader& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The next record of what was fetched; nothing when a fetch is due. Never suspends. Damage is reported and passed over.
  [[nodiscard]] std::optional<Record> take();
  // Reads on, up to `limit` (a block boundary: a published offset, or the segment's final end). False when everything below it
  // has been taken. Suspends. An error of the disk leaves the position where it was. Checked: take() returned nothing.
  [[nodiscard]] Task<Result<bool>> fetch(std::uint64_t limit);
  // Everything below has been taken or reported.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // Continues at `offset`, the start of a batch or kFirstBatchOffset, with nothing fetched.
  void seek(std::uint64_t offset);

  // One record again. `record_bytes`, when known, saves a second read. bad_format when it does not read (also reported).
  // Suspends.
  [[nodiscard]] Task<Result<Record>> read_at(std::uint64_t offset, std::uint32_t record_bytes = 0);

 private:
  SegmentReader(std::string path, std::unique_ptr<File> file, const SegmentHeader& header, ReadPool& pool,
                DamageReporter& reporter);
  [[nodiscard]] Task<Result<std::size_t>> read_blocks(std::span<std::byte> into, std::uint64_t offset);
  [[nodiscard]] Task<Result<void>> load(std::uint64_t offset, std::uint64_t want);
  void move_window(std::uint64_t offset, std::uint64_t bytes);
  [[nodiscard]] std::span<const std::byte> window_at(std::uint64_t offset) const;
  [[nodiscard]] bool follows(const BatchHeader& header, std::uint64_t at) const noexcept;
  [[nodiscard]] bool start_batch();
  [[nodiscard]] Record make_record(const RecordStep& step) const;
  void report(DamageKind kind, std::uint64_t offset, std::uint64_t bytes);

  std::string path_;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::uint32_t seed_;
  ReadPool& pool_;
  DamageReporter& reporter_;

  // What was read last: a slice from the start of its block, from window_offset_ in the file, a block boundary. It grows while
  // its block has room, so that a trickle of small batches does not take a chunk each.
  Slice window_;
  Block* window_block_ = nullptr;
  std::uint64_t window_offset_ = 0;
  std::uint64_t position_ = kFirstBatchOffset;
  std::uint64_t limit_ = 0;            // of the last fetch
  std::optional<BatchRecords> batch_;  // being taken
  bool batch_is_whole_ = true;         // as far as it was read
  std::uint32_t last_number_ = 0;      // of the last whole batch
};

}  // namespace postern::spool
