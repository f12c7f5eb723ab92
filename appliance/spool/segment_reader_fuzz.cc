// A segment of arbitrary bytes, read, recovered and read again.
//
// input := flags:u8 piece*      flags bit 0: mend checksums, so that what they guard is reached
// piece := length:u16 bytes     each stands at the start of the next block; the segment's own header is always good
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "appliance/spool/reader.h"
#include "appliance/spool/record.h"
#include "appliance/spool/recovery.h"
#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"

namespace postern::spool {
namespace {

constexpr SegmentKey kKey{5, 0x1122334455667788};
constexpr std::size_t kBlocksMax = 64;

class Sum final : public DamageReporter {
 public:
  void on_damage(const Damage& damage) override { bytes += damage.bytes; }
  std::uint64_t bytes = 0;
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& into) {
  into.emplace(co_await task);
}

// Gives a record header, and what follows it as far as it says, good checksums. Returns where the next one would be.
std::size_t mend_record(std::span<std::byte> batch, std::size_t at, std::uint64_t batch_offset) {
  const std::uint32_t seed = crc_seed(kKey.incarnation);
  auto record = load_le<DiskRecordHeader>(batch.data() + at);
  const std::uint64_t extent = record_extent(record.length);
  RecordHeader header{.offset = batch_offset + at, .length = record.length, .kind = static_cast<RecordKind>(record.kind)};
  if (extent <= batch.size() - at) header.payload_crc = crc32c(seed, batch.subspan(at + sizeof record, record.length));
  encode_record_header(header, seed, batch.data() + at);
  return extent <= batch.size() - at ? at + extent : batch.size();
}

void mend_batch(std::vector<std::byte>& segment, std::size_t offset) {
  const auto disk = load_le<DiskBatchHeader>(segment.data() + offset);
  const std::size_t length = std::min<std::size_t>(disk.length, segment.size() - offset);
  const auto batch = std::span(segment).subspan(offset, length);
  for (std::size_t at = sizeof disk; at + sizeof(DiskRecordHeader) <= length;) at = mend_record(batch, at, offset);
  encode_batch_header({.offset = offset, .number = disk.number, .length = disk.length, .record_count = disk.record_count},
                      kKey.incarnation, segment.data() + offset);
}

std::vector<std::byte> build_segment(std::span<const std::byte> input) {
  const bool mend = !input.empty() && (input[0] & std::byte{1}) != std::byte{0};
  std::vector<std::byte> segment(kFirstBatchOffset);
  std::vector<std::size_t> starts;
  for (std::size_t at = 1; at + 2 <= input.size() && segment.size() < kBlocksMax * kBlockBytes;) {
    const std::size_t length = std::min<std::size_t>(load_le<std::uint16_t>(input.data() + at), input.size() - at - 2);
    const auto piece = input.subspan(at + 2, length);
    starts.push_back(segment.size());
    segment.insert(segment.end(), piece.begin(), piece.end());
    segment.resize(round_up(std::max(segment.size(), starts.back() + 1), kBlockBytes));
    at += 2 + length;
  }
  segment.resize(segment.size() + kBlockBytes);
  if (mend)
    for (const std::size_t start : starts) mend_batch(segment, start);
  const SegmentHeader header{.key = kKey, .segment_bytes = segment.size()};
  encode_header(header, std::span(segment).first<kBlockBytes>());
  return segment;
}

class Machine {
 public:
  explicit Machine(const std::vector<std::byte>& segment) {
    POSTERN_CHECK(run(files_.make_directory("d", 0700)).has_value());
    POSTERN_CHECK(run(files_.fill_with_zeros(path_, segment.size())).has_value());
    std::memcpy(files_.bytes(path_).data(), segment.data(), segment.size());
  }

  // Reads up to `limit`; every byte is in a record, reported, or padding, and each record reads the same by its key.
  std::set<std::uint64_t> read(std::uint64_t limit) {
    std::set<std::uint64_t> seen;
    Sum damage;
    const auto opened = run(SegmentReader::open(files_, path_, kKey, pool_, damage));
    POSTERN_CHECK(opened.has_value());
    SegmentReader& reader = **opened;
    std::uint64_t bytes = 0;
    for (;;) {
      while (const auto record = reader.take()) {
        POSTERN_CHECK(seen.empty() || record->key.offset > *seen.rbegin());
        POSTERN_CHECK(record->key.offset + record->record_bytes <= limit);
        seen.insert(record->key.offset);
        bytes += record->record_bytes;
        walk(*record);
        const auto again = run(reader.read_at(record->key.offset, record->record_bytes));
        POSTERN_CHECK(again.has_value() && again->payload.view() == record->payload.view());
      }
      const auto more = run(reader.fetch(limit));
      POSTERN_CHECK(more.has_value());
      if (!*more) break;
    }
    POSTERN_CHECK(bytes + damage.bytes <= limit - kFirstBatchOffset);
    return seen;
  }

  std::uint64_t recover() {
    Sum damage;
    RecoveryReport report;
    POSTERN_CHECK(run(recover_directory(files_, "d", damage, report)).has_value());
    if (report.emptied > 0) return kFirstBatchOffset;
    const auto info = run(read_segment_info(files_, path_));
    POSTERN_CHECK(info.has_value() && info->seal.has_value());
    return info->seal->end;
  }

 private:
  static void walk(const Record& record) {
    const auto view = parse_message(record.kind, record.bytes());
    if (!view) return;
    std::size_t total = view->content.size() + view->sender.size();
    for (const Attribute& attribute : view->attributes) total += attribute.stored().size();
    for (const RecipientView& recipient : view->recipients)
      for (const Attribute& attribute : recipient.attributes) total += attribute.stored().size() + recipient.address.size();
    POSTERN_CHECK(total >= view->content.size());
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    Gate gate;
    gate.start(keep(std::move(task), result));
    scheduler_.run();
    return std::move(result.value());
  }

  ManualScheduler scheduler_;
  FakeFileSystem files_;
  ReadPool pool_;
  const std::string path_ = "d/" + segment_name(5);
};

}  // namespace
}  // namespace postern::spool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::spool;
  const auto input = std::as_bytes(std::span(data, size));
  if (size >= kBlockBytes) {
    const HeaderParse parse = parse_header(input.first<kBlockBytes>());
    static_cast<void>(parse_seal(input.first<kBlockBytes>(), parse.header).has_value());
  }
  const std::vector<std::byte> segment = build_segment(input);
  Machine machine(segment);
  const auto all = machine.read(segment.size());
  const std::uint64_t end = machine.recover();
  if (end == kFirstBatchOffset) return 0;
  // What recovery keeps was there before, and a second look changes nothing.
  for (const std::uint64_t offset : machine.read(end)) POSTERN_CHECK(all.contains(offset));
  POSTERN_CHECK(machine.recover() == end);
  return 0;
}
