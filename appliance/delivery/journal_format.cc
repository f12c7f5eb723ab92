#include "appliance/delivery/journal_format.h"

#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace postern::delivery {

namespace {

constexpr std::size_t kWord = sizeof(std::uint32_t);
constexpr std::size_t kKeyWords = 6;
constexpr std::size_t kSegmentWords = 4;
constexpr std::size_t kTimesWords = 3;
constexpr std::size_t kQueuedWords = kKeyWords + 2 + kTimesWords;

const std::byte* bytes_of(std::string_view text) { return reinterpret_cast<const std::byte*>(text.data()); }
std::span<const std::byte> span_of(std::string_view text) { return {bytes_of(text), text.size()}; }

void put(std::string& out, std::uint32_t word) { out.append(reinterpret_cast<const char*>(&word), kWord); }
void put(std::string& out, std::uint64_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

void put(std::string& out, const spool::RecordKey& key) {
  put(out, key.segment.number);
  put(out, key.segment.incarnation);
  put(out, key.offset);
}

void put(std::string& out, const RetryTimes& times) {
  put(out, times.first_failed_s);
  put(out, times.last_try_s);
  put(out, times.next_try_s);
}

std::size_t words_of(const JournalRecord& record) {
  switch (record.kind) {
    case JournalKind::scanned:
    case JournalKind::attempting:
    case JournalKind::done: return kKeyWords;
    case JournalKind::queued: return kQueuedWords + record.indexes.size();
    case JournalKind::finished: return kKeyWords + record.indexes.size();
    case JournalKind::deferred: return kKeyWords + kTimesWords;
    case JournalKind::drained: return kSegmentWords;
    case JournalKind::moved: return 2 * kKeyWords;
    case JournalKind::lost: return 1;
  }
  return 0;
}

// Whether a record of this kind may have that many words.
bool is_shape(JournalKind kind, std::size_t words) {
  switch (kind) {
    case JournalKind::scanned:
    case JournalKind::attempting:
    case JournalKind::done: return words == kKeyWords;
    case JournalKind::queued: return words >= kQueuedWords && words <= kQueuedWords + kJournalIndexesMax;
    case JournalKind::finished: return words >= kKeyWords && words <= kKeyWords + kJournalIndexesMax;
    case JournalKind::deferred: return words == kKeyWords + kTimesWords;
    case JournalKind::drained: return words == kSegmentWords;
    case JournalKind::moved: return words == 2 * kKeyWords;
    case JournalKind::lost: return words == 1;
  }
  return false;
}

class Words {
 public:
  explicit Words(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  std::uint32_t take() noexcept {
    const auto word = load_le<std::uint32_t>(bytes_of(bytes_));
    bytes_.remove_prefix(kWord);
    return word;
  }
  std::uint64_t take_u64() noexcept {
    const std::uint64_t low = take();
    return low | std::uint64_t{take()} << 32;
  }
  spool::RecordKey take_key() noexcept {
    spool::RecordKey key;
    key.segment.number = take_u64();
    key.segment.incarnation = take_u64();
    key.offset = take_u64();
    return key;
  }
  RetryTimes take_times() noexcept {
    RetryTimes times;
    times.first_failed_s = take();
    times.last_try_s = take();
    times.next_try_s = take();
    return times;
  }

 private:
  std::string_view bytes_;
};

void take_fields(JournalRecord& record, Words words) {
  if (record.kind == JournalKind::lost) {
    record.flags = words.take();
    return;
  }
  record.key.segment.number = words.take_u64();
  record.key.segment.incarnation = words.take_u64();
  if (record.kind == JournalKind::drained) return;
  record.key.offset = words.take_u64();
  if (record.kind == JournalKind::moved) record.to = words.take_key();
  if (record.kind == JournalKind::queued) {
    record.flags = words.take();
    record.recipients = words.take();
  }
  if (record.kind == JournalKind::queued || record.kind == JournalKind::deferred) record.times = words.take_times();
  while (!words.empty()) record.indexes.push_back(words.take());
}

std::uint32_t batch_sum(std::string_view from_length, std::uint64_t incarnation) {
  std::byte seed[sizeof incarnation];
  store_le(seed, incarnation);
  return crc32c(crc32c(0, seed), span_of(from_length));
}

}  // namespace

void append_record(std::string& out, const JournalRecord& record) {
  POSTERN_CHECK(record.indexes.size() <= kJournalIndexesMax);
  put(out, static_cast<std::uint32_t>(record.kind) | static_cast<std::uint32_t>(words_of(record)) << 16);
  if (record.kind == JournalKind::lost) {
    put(out, record.flags);
    return;
  }
  if (record.kind == JournalKind::drained) {
    put(out, record.key.segment.number);
    put(out, record.key.segment.incarnation);
    return;
  }
  put(out, record.key);
  if (record.kind == JournalKind::moved) put(out, record.to);
  if (record.kind == JournalKind::queued) {
    put(out, record.flags);
    put(out, record.recipients);
  }
  if (record.kind == JournalKind::queued || record.kind == JournalKind::deferred) put(out, record.times);
  if (record.kind != JournalKind::queued && record.kind != JournalKind::finished) return;
  for (const std::uint32_t index : record.indexes) put(out, index);
}

std::optional<JournalRecord> take_record(std::string_view& bytes) {
  if (bytes.size() < kWord) return std::nullopt;
  const auto head = load_le<std::uint32_t>(bytes_of(bytes));
  const std::size_t words = head >> 16;
  JournalRecord record;
  record.kind = static_cast<JournalKind>(head & 0xff);
  if ((head & 0xff00) != 0 || words > (bytes.size() - kWord) / kWord || !is_shape(record.kind, words)) return std::nullopt;
  const Words fields(bytes.substr(kWord, words * kWord));
  bytes.remove_prefix(kWord + words * kWord);
  take_fields(record, fields);
  return record;
}

std::string make_journal_header(std::uint64_t incarnation) {
  std::string tail;
  put(tail, kJournalVersion);
  put(tail, std::uint32_t{0});
  put(tail, incarnation);
  std::string block;
  put(block, kJournalMagic);
  put(block, crc32c(0, span_of(tail)));
  block += tail;
  block.resize(kJournalBlockBytes);
  return block;
}

Result<std::uint64_t> read_journal_header(std::string_view block) {
  constexpr const char* kWhere = "read the journal's header";
  if (block.size() < kJournalHeaderBytes) return failure(Errc::bad_format, kWhere);
  Words words(block.substr(0, kJournalHeaderBytes));
  if (words.take() != kJournalMagic) return failure(Errc::bad_format, kWhere);
  if (words.take() != crc32c(0, span_of(block.substr(2 * kWord, kJournalHeaderBytes - 2 * kWord))))
    return failure(Errc::bad_format, kWhere);
  if (words.take() > kJournalVersion) return failure(Errc::unsupported, kWhere);
  words.take();
  return words.take_u64();
}

void seal_batch(std::string& batch, std::uint64_t incarnation, std::uint64_t sequence) {
  POSTERN_CHECK(batch.size() >= kJournalBatchHeaderBytes && batch.size() <= kJournalBatchBytesMax);
  auto* at = reinterpret_cast<std::byte*>(batch.data());
  store_le(at + kWord, static_cast<std::uint32_t>(batch.size() - kJournalBatchHeaderBytes));
  store_le(at + 2 * kWord, sequence);
  store_le(at, batch_sum(std::string_view(batch).substr(kWord), incarnation));
  batch.resize(round_up(batch.size(), kJournalBlockBytes));
}

std::optional<JournalBatch> read_batch(std::string_view bytes, std::uint64_t incarnation) {
  if (bytes.size() < kJournalBatchHeaderBytes) return std::nullopt;
  Words words(bytes.substr(0, kJournalBatchHeaderBytes));
  const std::uint32_t sum = words.take();
  const std::size_t payload = words.take();
  JournalBatch batch;
  batch.sequence = words.take_u64();
  if (batch.sequence == 0 || payload > kJournalBatchBytesMax - kJournalBatchHeaderBytes ||
      payload > bytes.size() - kJournalBatchHeaderBytes)
    return std::nullopt;
  if (batch_sum(bytes.substr(kWord, kJournalBatchHeaderBytes - kWord + payload), incarnation) != sum) return std::nullopt;
  batch.records = bytes.substr(kJournalBatchHeaderBytes, payload);
  batch.length_bytes = round_up(kJournalBatchHeaderBytes + payload, kJournalBlockBytes);
  return batch;
}

Result<JournalDamage> read_journal(std::string_view bytes, JournalReader& reader) {
  const Result<std::uint64_t> incarnation = read_journal_header(bytes);
  if (!incarnation) return failure(incarnation.error());
  JournalDamage damage;
  std::uint64_t last_sequence = 0;
  std::size_t unreadable = 0;
  std::size_t at = kJournalBlockBytes;
  while (at < bytes.size()) {
    const std::optional<JournalBatch> batch = read_batch(bytes.substr(at), *incarnation);
    if (!batch || batch->sequence <= last_sequence) {
      unreadable += kJournalBlockBytes;
      at += kJournalBlockBytes;
      continue;
    }
    damage.unreadable_bytes += std::exchange(unreadable, 0);
    ++damage.batches;
    last_sequence = batch->sequence;
    at += batch->length_bytes;
    for (std::string_view rest = batch->records; !rest.empty();) {
      const std::optional<JournalRecord> record = take_record(rest);
      if (!record || !reader.on_record(*record)) return failure(Errc::bad_format, "read a record of the journal");
    }
  }
  return damage;
}

}  // namespace postern::delivery
