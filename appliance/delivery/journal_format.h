// The journal of outcomes: what delivery did with each message of the spool, so that nothing is done twice after a restart.
//
//   file    := header block, batch*         every batch starts on a multiple of 4096 bytes
//   header  := magic:u32 crc32c:u32 version:u32 zero:u32 incarnation:u64            crc32c covers what follows it
//   batch   := crc32c:u32 payload_bytes:u32 sequence:u64 record* pad                crc32c covers what follows it, pad left out
//   record  := kind:u8 zero:u8 words:u16 word:u32[words]                            words are read in the order given below
//   pad     := zero bytes up to a multiple of 4096
//
// Integers are little-endian; a u64 is two words, the low one first. The sum of a batch is seeded with the incarnation, so that
// bytes of an earlier file on the same blocks never read as a batch; sequence grows by one from 1. The file is filled with
// zeros to its full length before it is used, and replaced by a new one, which begins with what is still known, before it is
// full. A new file is written and synced under another name and then renamed.
//
//   kind        words                                                        says
//   scanned     number:u64 incarnation:u64 offset:u64                        records below offset were read; done unless queued
//   queued      key flags recipients times done_index*                       a message that is not done
//   attempting  key                                                          its text may reach a next hop from here on
//   finished    key index*                                                   these recipients need nothing more
//   deferred    key times                                                    to be tried again
//   done        key                                                          no recipient is left
//   drained     number:u64 incarnation:u64                                   the segment is wholly done; its file is given back
//   moved       key to:key                                                   the copy at `to` is the message from here on, and
//   all
//                                                                            that was known of it holds for the copy
//   lost        value                                                        1: outcomes may be missing here, so that a copy
//                                                                            nothing is known of may be the only one; 0: no
//                                                                            more
//
//   key := number:u64 incarnation:u64 offset:u64         times := first_failed_s last_try_s next_try_s
//   flags := 1 when attempting, and from bit 8 on the record's size in units of eight bytes (0: not known)
//
// Version 1 had neither `moved` nor `lost`, nor sizes in flags. It is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/delivery/transports/retry_times.h"
#include "appliance/spool/segment_format.h"
#include "engine/base/result.h"

namespace postern::delivery {

inline constexpr std::uint32_t kJournalMagic = 0x4a747350;  // "PstJ"
inline constexpr std::uint32_t kJournalVersion = 2;
inline constexpr std::size_t kJournalBlockBytes = 4096;
inline constexpr std::size_t kJournalHeaderBytes = 24;
inline constexpr std::size_t kJournalBatchHeaderBytes = 16;
inline constexpr std::size_t kJournalBatchBytesMax = 64 * 1024;  // header, records and pad
// A longer list of recipients is written as several records.
inline constexpr std::size_t kJournalIndexesMax = 1024;

enum class JournalKind : std::uint8_t {
  scanned = 1,
  queued = 2,
  attempting = 3,
  finished = 4,
  deferred = 5,
  done = 6,
  drained = 7,
  moved = 8,
  lost = 9,
};

enum QueuedFlag : std::uint32_t { kQueuedAttempting = 1 };
inline constexpr unsigned kQueuedSizeShift = 8;
inline constexpr std::uint32_t kQueuedSizeUnit = 8;

// One record, in the shape it is read and written in. Fields that its kind does not have are ignored.
struct JournalRecord {
  JournalKind kind = JournalKind::done;
  spool::RecordKey key;                // for scanned: key.offset is the end of what was read; for drained: without an offset
  spool::RecordKey to;                 // moved
  std::uint32_t flags = 0;             // queued; the value of lost
  std::uint32_t recipients = 0;        // queued
  RetryTimes times;                    // queued, deferred
  std::vector<std::uint32_t> indexes;  // queued, finished; at most kJournalIndexesMax

  friend bool operator==(const JournalRecord&, const JournalRecord&) = default;
};

// Appends the record's bytes.
void append_record(std::string& out, const JournalRecord& record);

// Takes the first record off `bytes`. Nothing when they do not start with a whole record of a known kind and shape.
[[nodiscard]] std::optional<JournalRecord> take_record(std::string_view& bytes);

// The first block of a file: header and zeros.
[[nodiscard]] std::string make_journal_header(std::uint64_t incarnation);
// The incarnation. bad_format: not a journal; unsupported: of a version later than ours.
[[nodiscard]] Result<std::uint64_t> read_journal_header(std::string_view block);

// Writes the batch's header into the first kJournalBatchHeaderBytes of `batch`, whose records follow them, and appends the pad.
void seal_batch(std::string& batch, std::uint64_t incarnation, std::uint64_t sequence);

struct JournalBatch {
  std::uint64_t sequence = 0;
  std::string_view records;      // borrowed from the input
  std::size_t length_bytes = 0;  // with header and pad
};
// The batch at the start of `bytes`; nothing when none starts there whole and undamaged.
[[nodiscard]] std::optional<JournalBatch> read_batch(std::string_view bytes, std::uint64_t incarnation);

// What reading a journal met beside its records.
struct JournalDamage {
  std::uint64_t unreadable_bytes = 0;  // before a later batch that is whole: lost outcomes, so mail may go out twice
  std::uint64_t batches = 0;           // read
};

class JournalReader {
 public:
  // False: it contradicts what came before.
  virtual bool on_record(const JournalRecord& record) = 0;

 protected:
  ~JournalReader() = default;
};

// Hands on all records of the file `bytes`, in order. What is broken at the end is what was in flight at a crash and is passed
// over in silence; what is broken before something whole is counted. bad_format, also for a record that makes no sense although
// the sum of its batch is right; unsupported.
[[nodiscard]] Result<JournalDamage> read_journal(std::string_view bytes, JournalReader& reader);

}  // namespace postern::delivery
