// Messages that keep waiting move to delivery's own store, so that their segments come back; and wherever a life ends, each
// goes on with one of its two copies.
#include "appliance/delivery/compactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "appliance/delivery/delivery_testing.h"

namespace postern::delivery {
namespace {

using smtp::testing::FakeServer;
using ::testing::HasSubstr;
using testing::MessageSpec;
using testing::Stage;

constexpr const char* kStore = "delivery/store";

SocketAddress at(std::string_view address) { return {IpAddress::parse(address).value(), 25}; }

bool is_segment(const std::string& name) { return spool::parse_segment_name(name).has_value(); }

// One host takes everything; the other takes nothing until it is told to.
class Queue {
 public:
  explicit Queue(std::uint64_t seed = 1) : stage(testing::kSmartHost, seed) {
    stage.writer_options = testing::small_segments(64 * 1024);
    stage.options.tail.list_ms = 200;
    stage.options.compaction = {.settle_s = 2, .old_s = 10, .trouble_s = 3};
    stage.options.stop_grace_ms = 50;
    stage.network.listen(at("192.0.2.1"), good);
    stage.network.listen(at("192.0.2.2"), bad);
    refuse();
  }
  void refuse() {
    bad.answer = [](std::string_view step) -> std::optional<std::string> {
      return step.starts_with("RCPT") ? std::optional<std::string>("451 later") : std::nullopt;
    };
  }
  [[nodiscard]] bool begin() { return stage.start_ingress().has_value() && stage.start_delivery().has_value(); }
  // Goes to the host that takes it, and to the one that does not.
  bool accept_stuck(std::uint32_t number) {
    const std::string text = text_of(number);
    const std::size_t inside = has_side_files ? 4'800 : text.size();
    return stage.accept(
        {.recipients = {"a@one.example", "b@two.example"}, .content = text.substr(0, inside), .side_file = text.substr(inside)},
        number);
  }
  bool accept_plain(std::uint32_t number) {
    return stage.accept({.recipients = {"a@one.example"}, .content = text_of(number)}, number);
  }
  // `stuck` messages that keep waiting among four times as many that go at once, in segments of which most are full.
  bool fill(std::uint32_t stuck) {
    bool all = true;
    for (std::uint32_t i = 0; i < stuck; ++i) {
      all = accept_stuck(next) && all;
      stuck_.push_back(next++);
      for (int plain = 0; plain < 4; ++plain) all = accept_plain(next++) && all;
    }
    return all;
  }
  static std::string text_of(std::uint32_t number) {
    return "Subject: " + std::to_string(number) + "\r\n\r\n" + std::string(5'000, static_cast<char>('a' + number % 26)) +
           "\r\n";
  }
  [[nodiscard]] std::size_t segments_in(const std::string& directory) {
    const std::vector<std::string> names = stage.names_in(directory);
    return static_cast<std::size_t>(std::ranges::count_if(names, is_segment));
  }
  [[nodiscard]] int arrived(const FakeServer& where, std::uint32_t number) const {
    const std::string text = "Received: by us\r\n" + text_of(number);
    return static_cast<int>(std::ranges::count(where.mails, text, &FakeServer::Mail::text));
  }
  // A while after the host takes mail, everything is there, once.
  void expect_all_once() {
    bad.answer = nullptr;
    for (int i = 0; i < 3; ++i) stage.skip_s(20 * 60);
    EXPECT_EQ(stage.stats().queued.get(), 0U);
    for (const std::uint32_t number : stuck_) {
      EXPECT_EQ(arrived(bad, number), 1) << number;
      const int duplicates_spoken_of = static_cast<int>(stage.log.count(Stage::id_of(number) + " possible duplicate"));
      EXPECT_GE(arrived(good, number), 1) << number;
      EXPECT_LE(arrived(good, number), 1 + duplicates_spoken_of) << number;
    }
  }

  FakeServer good;
  FakeServer bad;
  Stage stage;
  bool has_side_files = false;  // of messages that wait
  std::uint32_t next = 0;
  std::vector<std::uint32_t> stuck_;
};

TEST(Compactor, SegmentsComeBackAlthoughMessagesKeepWaiting) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(12));
  queue.stage.advance_ms(1'000);
  const std::size_t before = queue.segments_in("ingress/00");
  EXPECT_GT(before, 8U);
  queue.stage.advance_ms(6'000);
  EXPECT_LE(queue.segments_in("ingress/00"), 3U) << "the one being written, the next one, and one not yet wholly read";
  EXPECT_GE(queue.stage.stats().copied.get(), 8U);
  EXPECT_EQ(queue.stage.stats().queued.get(), 12U);
  EXPECT_EQ(queue.stage.log.count("possible duplicate"), 0U);
  queue.expect_all_once();
  EXPECT_EQ(queue.stage.log.count("possible duplicate"), 0U);
  EXPECT_TRUE(queue.stage.log.panic.empty());
}

TEST(Compactor, TheNextLifeGoesOnWithTheCopies) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(10));
  queue.stage.advance_ms(6'000);
  ASSERT_GT(queue.stage.stats().copied.get(), 5U);
  for (int life = 0; life < 3; ++life) {
    queue.stage.stop_delivery();
    ASSERT_TRUE(queue.stage.start_delivery());
    queue.stage.advance_ms(5'000);
    EXPECT_EQ(queue.stage.stats().queued.get(), 10U);
    EXPECT_LE(queue.segments_in(kStore), 3U) << "the store's own segments are emptied, too";
  }
  queue.expect_all_once();
  EXPECT_EQ(queue.stage.log.count("possible duplicate"), 0U);
  EXPECT_TRUE(queue.stage.log.panic.empty());
}

TEST(Compactor, WhatHasFailedForTooLongFailsThoughItMoved) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(4));
  queue.stage.advance_ms(6'000);
  ASSERT_GT(queue.stage.stats().copied.get(), 1U);
  for (int i = 0; i < 10; ++i) queue.stage.skip_s(12 * 3600);  // the retry rule ends after four days
  EXPECT_EQ(queue.stage.log.count("retry timeout exceeded"), 4U);
  EXPECT_EQ(queue.stage.stats().bounced.get(), 4U);
  EXPECT_EQ(queue.stage.stats().queued.get(), 0U);
}

TEST(Compactor, ACopyIsTheMessageInAllThatCounts) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  const std::string binary("\0\1\xff", 3);
  const MessageSpec spec{
      .sender = "",
      .recipients = {"b@two.example", "c@two.example"},
      .content = "Subject: x\r\n\r\nbody\r\n",
      .attributes = {spool::Attribute::text("protocol", "esmtp"),
                     spool::Attribute::raw("from-the-future", static_cast<spool::AttributeType>(200), binary),
                     spool::Attribute::number("host_port", -5)},
      .recipient_attributes = {{spool::Attribute::number("notify", 4)},
                               {spool::Attribute::raw("odd", static_cast<spool::AttributeType>(9), binary)}}};
  spool::ReadPool pool;
  spool::Record record{.key = {{5, 0xfeed}, 8232}, .payload = testing::OwnedBlock::slice_of(testing::encode(spec))};
  SeededRandom random(1);
  OwnStore store(queue.stage.files, "mine", random, queue.stage);
  ASSERT_TRUE(queue.stage.get(store.start()));
  EXPECT_FALSE(is_copy(record));
  // Twice: of a copy there is a copy, too.
  for (int i = 0; i < 2; ++i) {
    std::optional<Result<StoredCopy>> stored;
    Gate gate;
    gate.start([](OwnStore& into, spool::Record from, std::optional<Result<StoredCopy>>& result) -> Task<void> {
      result = co_await into.store_copy(std::move(from), "ingress/00");
    }(store, record, stored));
    store.end_of_turn();
    queue.stage.settle();
    ASSERT_TRUE(stored && stored->has_value());
    const spool::RecordKey key = (*stored)->receipt.key;
    const auto reader = queue.stage.get(spool::SegmentReader::open(
        queue.stage.files, "mine/" + spool::segment_name(key.segment.number), key.segment, pool, queue.stage));
    ASSERT_TRUE(reader);
    const Result<spool::Record> copy = queue.stage.get((*reader)->read_at(key.offset));
    ASSERT_TRUE(copy);
    EXPECT_TRUE(is_copy(*copy));
    const spool::MessageView was = spool::parse_message(record.kind, record.bytes()).value();
    const spool::MessageView is = spool::parse_message(copy->kind, copy->bytes()).value();
    EXPECT_EQ(is.id.view(), was.id.view());
    EXPECT_EQ(is.received.us, was.received.us);
    EXPECT_EQ(is.sender.view(), was.sender.view());
    EXPECT_EQ(is.content, was.content);
    std::vector<spool::HeaderEdit> edits(was.header_edits.begin() == was.header_edits.end() ? 0 : 1);
    for (const spool::HeaderEdit& edit : was.header_edits) edits[0] = edit;
    for (const spool::HeaderEdit& edit : is.header_edits) EXPECT_EQ(edit, edits[0]);
    EXPECT_EQ(is.header_edits.size(), was.header_edits.size());
    EXPECT_EQ(is.attributes.size(), spec.attributes.size() + 1);
    for (const spool::Attribute& attribute : spec.attributes)
      EXPECT_EQ(spool::find_attribute(is.attributes, attribute.name()), attribute);
    ASSERT_EQ(is.recipients.size(), 2U);
    std::size_t index = 0;
    for (const spool::RecipientView& recipient : is.recipients) {
      EXPECT_EQ(recipient.address.view(), spec.recipients[index]);
      ASSERT_EQ(recipient.attributes.size(), 1U);
      EXPECT_EQ(*recipient.attributes.begin(), spec.recipient_attributes[index++][0]);
    }
    record = *copy;
  }
  queue.stage.run(store.stop());
}

TEST(Compactor, ALargeMessageTakesItsSideFileAlong) {
  const std::string before = spool::side_file_directory("ingress/00");
  const std::string after = spool::side_file_directory(kStore);
  Queue queue;
  queue.has_side_files = true;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(12));
  queue.stage.advance_ms(1'000);
  EXPECT_EQ(queue.stage.names_in(before).size(), 12U);
  queue.stage.advance_ms(6'000);
  const std::uint64_t copied = queue.stage.stats().copied.get();
  EXPECT_GE(copied, 8U);
  EXPECT_LE(queue.segments_in("ingress/00"), 3U);
  EXPECT_EQ(queue.stage.names_in(before).size(), 12 - copied);
  EXPECT_EQ(queue.stage.names_in(after).size(), copied);
  queue.stage.stop_delivery();
  ASSERT_TRUE(queue.stage.start_delivery());
  EXPECT_EQ(queue.stage.names_in(after).size(), copied) << "records name them";
  queue.expect_all_once();
  EXPECT_TRUE(queue.stage.names_in(before).empty());
  EXPECT_TRUE(queue.stage.names_in(after).empty());
  EXPECT_TRUE(queue.stage.log.panic.empty());
}

TEST(Compactor, SideFilesThatNoCopyNamesAreRemoved) {
  Queue queue;
  queue.has_side_files = true;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(10));
  // The name is there and the record is not: nothing can be written to the store.
  queue.stage.files.inject(
      {.op = FakeOp::write_durable, .path_contains = kStore, .count = 1'000, .error = {Errc::disk_full, 28, "write"}});
  queue.stage.advance_ms(6'000);
  EXPECT_EQ(queue.stage.stats().copied.get(), 0U);
  EXPECT_FALSE(queue.stage.names_in(spool::side_file_directory(kStore)).empty());
  queue.stage.stop_delivery();
  queue.stage.files.clear_faults();
  ASSERT_TRUE(queue.stage.start_delivery());
  queue.stage.advance_ms(500);  // too soon for copies
  EXPECT_TRUE(queue.stage.names_in(spool::side_file_directory(kStore)).empty());
  queue.expect_all_once();
}

TEST(Compactor, ARecordOfAnotherKindStaysWhereItIs) {
  Stage stage;
  OwnStore store(stage.files, "mine", stage.random, stage);
  ASSERT_TRUE(stage.get(store.start()));
  const spool::Record record{.kind = static_cast<spool::RecordKind>(200),
                             .payload = testing::OwnedBlock::slice_of(testing::encode({}))};
  EXPECT_EQ(stage.get(store.store_copy(record, "ingress/00")).error().code, Errc::unsupported);
  stage.run(store.stop());
}

TEST(Compactor, WhatIsTooLargeForTheStoreStaysAndTheRestOfItsSegment) {
  Queue queue;
  queue.stage.writer_options = testing::small_segments(8 << 20);
  queue.stage.writer_options.batch_bytes = 2 << 20;
  ASSERT_TRUE(queue.begin());
  const std::string large(1'200'000, 'x');
  for (std::uint32_t i = 0; i < 12; ++i) {
    const std::string content = "Subject: " + std::to_string(i) + "\r\n\r\n" + large + "\r\n";
    ASSERT_TRUE(
        queue.stage.accept({.recipients = {i == 1 || i == 9 ? "b@two.example" : "a@one.example"}, .content = content}, i));
  }
  queue.stage.advance_ms(20'000);
  EXPECT_EQ(queue.stage.stats().queued.get(), 2U);
  EXPECT_EQ(queue.stage.stats().copied.get(), 0U);
  EXPECT_TRUE(queue.stage.log.panic.empty());
  queue.bad.answer = nullptr;
  for (int i = 0; i < 2; ++i) queue.stage.skip_s(20 * 60);
  EXPECT_EQ(queue.bad.mails.size(), 2U);
}

TEST(Compactor, AFullDiskLeavesEverythingWhereItIs) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(10));
  queue.stage.files.inject(
      {.op = FakeOp::write_durable, .path_contains = kStore, .count = 1'000, .error = {Errc::disk_full, 28, "write"}});
  queue.stage.advance_ms(8'000);
  EXPECT_EQ(queue.stage.stats().copied.get(), 0U);
  EXPECT_EQ(queue.stage.stats().queued.get(), 10U);
  queue.stage.files.clear_faults();
  queue.stage.advance_ms(8'000);
  EXPECT_GT(queue.stage.stats().copied.get(), 6U);
  queue.expect_all_once();
}

// A journal that is gone says nothing of any copy: mail may go out twice, but all of it goes out.
TEST(Compactor, WithoutAJournalCopiesAreNotLost) {
  Queue queue;
  ASSERT_TRUE(queue.begin());
  ASSERT_TRUE(queue.fill(10));
  queue.stage.advance_ms(6'000);
  ASSERT_GT(queue.stage.stats().copied.get(), 5U);
  queue.stage.stop_delivery();
  ASSERT_TRUE(queue.stage.get(queue.stage.files.remove("delivery/journal")));
  queue.bad.answer = nullptr;
  ASSERT_TRUE(queue.stage.start_delivery());
  queue.stage.advance_ms(5'000);
  for (int i = 0; i < 2; ++i) queue.stage.skip_s(20 * 60);
  for (const std::uint32_t number : queue.stuck_) EXPECT_GE(queue.arrived(queue.bad, number), 1) << number;
  EXPECT_EQ(queue.stage.stats().queued.get(), 0U);
}

// A host is down for days. What was for others has long gone, and so have the segments it came in.
TEST(Compactor, AHundredThousandWaitingMessagesTakeTheRoomTheyNeed) {
  constexpr std::uint32_t kWaiting = 100'000;
  Queue queue;
  queue.stage.writer_options = testing::small_segments(16 << 20);
  queue.stage.writer_options.batch_bytes = 4 << 20;
  queue.stage.network.clear(at("192.0.2.2"));
  queue.stage.network.fail(at("192.0.2.2"), Errc::refused);
  queue.good.count_only = true;
  ASSERT_TRUE(queue.begin());
  std::vector<MessageSpec> specs;
  for (std::uint32_t i = 0; i < kWaiting; ++i) {
    specs.push_back({.recipients = {"b@two.example"}, .content = "Subject: w\r\n\r\nbody\r\n"});
    if (i % 10 == 0) specs.push_back({.content = std::string(16'000, 'x') + "\r\n"});
    if (specs.size() < 1'000 && i + 1 < kWaiting) continue;
    ASSERT_TRUE(queue.stage.accept_all(std::exchange(specs, {}), i * 2));
  }
  queue.stage.advance_ms(5'000);
  EXPECT_EQ(queue.stage.stats().queued.get(), kWaiting);
  queue.stage.advance_ms(15'000);
  EXPECT_EQ(queue.stage.stats().queued.get(), kWaiting);
  EXPECT_LE(queue.segments_in("ingress/00"), 3U);
  const std::uint64_t record_bytes = testing::encode({.recipients = {"b@two.example"}}).size() + 100;
  EXPECT_LE(queue.segments_in(kStore) * (8 << 20), 2 * kWaiting * record_bytes + (16 << 20));
  EXPECT_GE(queue.stage.stats().copied.get(), kWaiting * 9 / 10);
  EXPECT_TRUE(queue.stage.log.panic.empty());
}

// With its places in ledger and schedule. Allocators of sanitizers do not say.
TEST(Compactor, AWaitingMessageTakesAFewHundredBytesOfMemory) {
  constexpr std::uint32_t kWaiting = 100'000;
  const std::size_t before = ::mallinfo2().uordblks;
  Ledger ledger;
  Schedule schedule;
  for (std::uint64_t i = 0; i < kWaiting; ++i) {
    QueuedMessage* message = ledger.admit({{1 + i / 1'000, 7}, 8192 + i % 1'000 * 512}, 8192 + i % 1'000 * 512 + 512, 1);
    ledger.defer(*message, {1, 2, static_cast<std::uint32_t>(i)});
    schedule.add_due(*message, static_cast<std::uint32_t>(i));
  }
  const std::size_t bytes = (::mallinfo2().uordblks - before) / kWaiting;
  RecordProperty("bytes_per_waiting_message", static_cast<int>(bytes));
  EXPECT_LE(bytes, 256U);
}

// A young journal does not know yet that no copy was there before it. As long as it cannot say so, none is made.
TEST(Compactor, NothingMovesBeforeTheJournalCanTellCopiesApart) {
  Queue queue;
  queue.stage.options.compaction.live_percent_max = 100;
  queue.stage.network.fail(at("192.0.2.2"), Errc::refused);
  ASSERT_TRUE(queue.begin());
  for (const FakeOp op : {FakeOp::write_durable, FakeOp::fill})
    queue.stage.files.inject({.op = op, .path_contains = "delivery/journal", .count = 1'000'000});
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(queue.stage.accept({.recipients = {"b@two.example"}, .content = Queue::text_of(i)}, i));
    queue.stuck_.push_back(i);
  }
  queue.stage.advance_ms(10'000);
  queue.stage.files.cut_power();
  queue.stage.stop_delivery();
  queue.stage.stop_ingress();
  queue.stage.files.restart(FakeFileSystem::Survival::none);
  queue.stage.network.clear(at("192.0.2.2"));
  queue.stage.network.listen(at("192.0.2.2"), queue.bad);
  queue.bad.answer = nullptr;
  ASSERT_TRUE(queue.begin());
  queue.stage.advance_ms(5'000);
  for (int i = 0; i < 3; ++i) queue.stage.skip_s(20 * 60);
  for (const std::uint32_t number : queue.stuck_) EXPECT_EQ(queue.arrived(queue.bad, number), 1) << number;
}

// Power goes after each single change that compaction makes, and keeps what it likes.
class CompactorCut : public ::testing::TestWithParam<std::tuple<FakeFileSystem::Survival, bool>> {};

TEST_P(CompactorCut, EachMessageGoesOnWithOneOfItsCopies) {
  std::uint64_t cuts = 0;
  std::uint64_t copied = 0;
  for (const std::size_t copies_at_once : {1U, 4U}) {
    for (std::uint64_t cut = 0; !HasFailure(); ++cut) {
      SCOPED_TRACE(cut);
      Queue queue(cut + 1);
      queue.stage.options.compaction.copies_at_once = copies_at_once;
      queue.has_side_files = std::get<bool>(GetParam());
      ASSERT_TRUE(queue.begin());
      ASSERT_TRUE(queue.fill(10));
      queue.stage.advance_ms(500);
      queue.stage.files.cut_power_after(queue.stage.files.changes() + cut);
      queue.stage.advance_ms(4'500);
      const bool was_cut = !queue.stage.files.has_power();
      copied += queue.stage.stats().copied.get();
      queue.stage.files.cut_power();
      queue.stage.stop_delivery();
      queue.stage.stop_ingress();
      queue.stage.files.restart(std::get<FakeFileSystem::Survival>(GetParam()), &queue.stage.random);
      ASSERT_TRUE(queue.begin());
      queue.stage.advance_ms(5'000);
      EXPECT_EQ(queue.stage.stats().queued.get(), 10U);
      queue.expect_all_once();
      queue.stage.advance_ms(5'000);
      EXPECT_LE(queue.segments_in("ingress/00"), 3U);
      EXPECT_LE(queue.segments_in(kStore), 3U);
      if (!was_cut) break;
      ++cuts;
    }
  }
  EXPECT_GT(cuts, 30U);
  EXPECT_GT(copied, 20U);
}

INSTANTIATE_TEST_SUITE_P(Survivals, CompactorCut,
                         ::testing::Combine(::testing::Values(FakeFileSystem::Survival::none, FakeFileSystem::Survival::all,
                                                              FakeFileSystem::Survival::random),
                                            ::testing::Bool()));

}  // namespace
}  // namespace postern::delivery
