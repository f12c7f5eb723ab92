// What delivery knows of the messages in the spool: for each segment how far it was read, and which messages in it are not
// done. Pure: the journal is what makes it survive; the ledger is the journal's meaning.
//
// A message may move: a copy of its record in another segment takes its place, with all that is known of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "appliance/delivery/journal_format.h"
#include "appliance/delivery/recipient_set.h"
#include "appliance/delivery/transports/retry_times.h"
#include "appliance/spool/segment_format.h"

namespace postern::delivery {

// More recipients than a transaction can have; a journal that says otherwise is damaged.
inline constexpr std::uint32_t kRecipientsMax = 1U << 20;

// A message that is not done. Its record is read again by its key when it is due.
struct QueuedMessage {
  spool::RecordKey key;
  RetryTimes times;
  std::uint32_t recipients = 0;    // 0: not counted yet
  std::uint32_t received_s = 0;    // since 1970; 0: not known yet
  std::uint32_t record_bytes = 0;  // in its segment; 0: not known
  RecipientSet finished;           // those that need nothing more
  bool attempting = false;         // the journal says that its text may have reached a next hop
  // Of this life only.
  bool is_handed_on = false;  // by the reader of its segment, or by whoever made this copy
  bool is_waiting = false;    // for its next try, in the schedule
  bool is_copied = false;     // a copy is being made: no round begins
  bool cannot_move = false;   // a copy could not be made, and never will
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(Ledger&&) = default;
  Ledger& operator=(Ledger&&) = default;

  // ---- from the journal at start ----

  // Takes in a record of the journal; order matters. False when it makes no sense (the journal is then damaged).
  bool replay(const JournalRecord& record);

  // ---- from the segments ----

  // Where reading the segment goes on: everything before it is known.
  [[nodiscard]] std::uint64_t scanned_to(const spool::SegmentKey& segment) const;
  [[nodiscard]] bool knows(const spool::SegmentKey& segment) const { return segments_.contains(segment); }
  // The record at `key` was read and ends at `end`; `recipients` may be 0 until they are counted. Returns the message while it
  // is not done, nullptr when it is. Stays valid until done(). Checked: records of a segment are met in order.
  QueuedMessage* admit(const spool::RecordKey& key, std::uint64_t end, std::uint32_t recipients);
  // Nothing (or nothing we know) lies before `end`.
  void skip_to(const spool::SegmentKey& segment, std::uint64_t end);
  // Calls visit(QueuedMessage&) for the messages of the segment that were read before and are not done, oldest first.
  void for_each_queued(const spool::SegmentKey& segment, const std::function<void(QueuedMessage&)>& visit);
  // The message at `key` while it is not done, else nullptr.
  [[nodiscard]] QueuedMessage* find(const spool::RecordKey& key);
  // The record of a queued message turned out to have that many recipients.
  static void set_recipients(QueuedMessage& message, std::uint32_t recipients) { message.recipients = recipients; }

  // ---- what happened; each returns the record to write ----

  JournalRecord attempting(QueuedMessage& message);
  // At most kJournalIndexesMax at a time.
  JournalRecord finish(QueuedMessage& message, std::vector<std::uint32_t> indexes);
  JournalRecord defer(QueuedMessage& message, const RetryTimes& times);
  // `message` is gone afterwards.
  JournalRecord done(QueuedMessage& message);
  // The record at `to`, of that many bytes, takes the place of the one that `message` had; `message` stays where it is in
  // memory. Checked: nothing is known of `to`.
  JournalRecord move(QueuedMessage& message, const spool::RecordKey& to, std::uint32_t record_bytes);
  // Checked: nothing in the segment is queued.
  JournalRecord drain(const spool::SegmentKey& segment);

  // ---- the life of a segment ----

  [[nodiscard]] bool is_drained(const spool::SegmentKey& segment) const;
  [[nodiscard]] std::size_t queued_in(const spool::SegmentKey& segment) const;
  // Of the records of messages that are not done, as far as their sizes are known.
  [[nodiscard]] std::uint64_t live_bytes(const spool::SegmentKey& segment) const;
  // No file is that segment any more, and none will be again.
  void forget(const spool::SegmentKey& segment);
  [[nodiscard]] std::vector<spool::SegmentKey> drained() const;
  // All that are known.
  [[nodiscard]] std::vector<spool::SegmentKey> keys() const;

  // ---- copies ----

  // Outcomes may be missing, a `moved` among them: until outcomes_known(), a copy of which nothing is known counts as a
  // message.
  void lose_outcomes() { outcomes_lost_ = true; }
  [[nodiscard]] bool outcomes_lost() const noexcept { return outcomes_lost_; }
  JournalRecord outcomes_known();

  // ---- figures ----

  [[nodiscard]] std::size_t queued() const noexcept { return queued_; }
  [[nodiscard]] std::size_t segments() const noexcept { return segments_.size(); }
  // When the message that has been here longest came, or first failed; 0: none, or not known. Looks at every message.
  [[nodiscard]] std::uint32_t oldest_s() const;
  // What snapshot() would write, roughly; bytes.
  [[nodiscard]] std::size_t snapshot_bytes() const noexcept;

  // The records from which replay() makes this ledger again.
  void snapshot(const std::function<void(const JournalRecord&)>& write) const;

 private:
  struct Segment {
    std::uint64_t scanned_to = 0;
    bool drained = false;
    std::uint64_t live_bytes = 0;
    std::map<std::uint64_t, std::unique_ptr<QueuedMessage>> queued;  // by offset
    std::set<std::uint64_t> done_ahead;                              // at or beyond scanned_to
  };

  QueuedMessage& message_at(Segment& segment, const spool::RecordKey& key);
  bool replay_message(Segment& segment, const JournalRecord& record);
  bool replay_moved(Segment& segment, const JournalRecord& record);
  void relocate(Segment& segment, QueuedMessage& message, const spool::RecordKey& to, std::uint32_t record_bytes);
  static void set_bytes(Segment& segment, QueuedMessage& message, std::uint32_t record_bytes);
  static void snapshot_message(const QueuedMessage& message, const std::function<void(const JournalRecord&)>& write);

  std::map<spool::SegmentKey, Segment> segments_;
  std::size_t queued_ = 0;
  bool outcomes_lost_ = false;
};

}  // namespace postern::delivery
