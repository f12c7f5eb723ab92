#include "appliance/spool/batch_parse.h"

#include "engine/base/crc32c.h"

namespace postern::spool {

RecordStep BatchRecords::next() noexcept {
  if (at_ >= bytes_.size()) {
    // Fewer records than the batch says can only be our own mistake or a forgery; either way nothing is left to read.
    if (seen_ < header_.record_count) return lose_rest();
    return {};
  }
  const std::uint64_t offset = header_.offset + at_;
  const auto record = parse_record_header(bytes_.subspan(at_), offset, seed_);
  const std::size_t left = bytes_.size() - at_;
  if (!record || seen_ == header_.record_count || record_extent(record->length) > left) return lose_rest();
  const auto payload = bytes_.subspan(at_ + sizeof(DiskRecordHeader), record->length);
  const std::uint64_t extent = record_extent(record->length);
  at_ += extent;
  ++seen_;
  if (crc32c(seed_, payload) != record->payload_crc)
    return {.what = RecordStep::What::bad_payload, .offset = offset, .bytes = extent, .header = *record};
  return {.what = RecordStep::What::record, .offset = offset, .bytes = extent, .header = *record, .payload = payload};
}

RecordStep BatchRecords::lose_rest() noexcept {
  const RecordStep step{.what = RecordStep::What::bad_rest, .offset = header_.offset + at_, .bytes = bytes_.size() - at_};
  at_ = bytes_.size();
  seen_ = header_.record_count;
  return step;
}

bool is_whole(const BatchHeader& header, std::uint32_t seed, std::span<const std::byte> bytes) noexcept {
  if (bytes.size() != header.length) return false;
  BatchRecords records(header, seed, bytes);
  for (;;) {
    const RecordStep step = records.next();
    if (step.what == RecordStep::What::end) return true;
    if (step.what != RecordStep::What::record) return false;
  }
}

}  // namespace postern::spool
