// What the spool's tests share: a world with a fake disk and a manual clock, messages made from a seed, and a reader of
// everything.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/spool/damage.h"
#include "appliance/spool/reader.h"
#include "appliance/spool/record.h"
#include "appliance/spool/segment_directory.h"
#include "appliance/spool/writer.h"
#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/coro/task.h"
#include "engine/io/fake_file_system.h"

namespace postern::spool::testing {

struct SeenDamage {
  DamageKind kind;
  std::uint64_t offset;
  std::uint64_t bytes;

  friend bool operator==(const SeenDamage&, const SeenDamage&) = default;
};

class CollectingReporter final : public DamageReporter {
 public:
  void on_damage(const Damage& damage) override { seen.push_back({damage.kind, damage.offset, damage.bytes}); }
  std::vector<SeenDamage> seen;
};

// A message that owns its bytes.
struct TestMessage {
  MessageId id;
  std::string sender;
  std::vector<std::string> recipients;
  std::vector<HeaderEdit> edits;
  std::vector<Attribute> attributes;
  std::vector<std::vector<Attribute>> recipient_attributes;
  std::string content;

  // Calls `use` with an input that borrows from this object. `slices`: into how many slices the content is cut.
  template <class Use>
  auto with_input(BlockPool& pool, Use use, std::size_t slices = 1) const {
    std::vector<RecipientInput> inputs;
    inputs.reserve(recipients.size());
    for (std::size_t i = 0; i < recipients.size(); ++i)
      inputs.push_back({PeerView(std::string_view(recipients[i])), recipient_attributes.at(i)});
    const Chain chain = make_chain(pool, slices);
    const CommitInput input{.id = id,
                            .received = {1'700'000'000'123'456},
                            .sender = PeerView(std::string_view(sender)),
                            .attributes = attributes,
                            .recipients = inputs,
                            .header_edits = edits,
                            .content = &chain};
    return use(input);
  }
  [[nodiscard]] Chain make_chain(BlockPool& pool, std::size_t slices) const;
};

// The counter part of the id is `number`, and the content depends on it and on `bytes`.
[[nodiscard]] TestMessage make_message(std::uint32_t number, std::size_t bytes);
// True when `view` says what `message` says.
[[nodiscard]] bool same(const MessageView& view, const TestMessage& message);

// Awaits `task` and leaves its result.
template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& into) {
  into.emplace(co_await task);
}

class World {
 public:
  World() : World(1) {}
  explicit World(std::uint64_t seed) : random(seed) {}
  ~World() { settle(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  ManualScheduler scheduler;
  FakeFileSystem files;
  SeededRandom random;
  CollectingReporter reporter;
  BlockPool blocks;
  ReadPool pool;
  SegmentWriter* writer = nullptr;  // flushed at the end of each turn

  // Turns of the loop until nothing moves.
  void settle();
  // One turn of the loop, then its end.
  void turn();

  // Runs `task` to its end; checked: it ends without help.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    Gate gate;
    gate.start(keep_result(std::move(task), result));
    settle();
    POSTERN_CHECK(result.has_value());
    return std::move(*result);
  }
  void run(Task<void> task);

  [[nodiscard]] bool make_directory(const std::string& path);
};

// A commit in its own coroutine.
class PendingCommit {
 public:
  PendingCommit(World& world, SegmentWriter& writer, TestMessage message, std::size_t slices = 1);
  ~PendingCommit() { POSTERN_CHECK(done()); }
  PendingCommit(const PendingCommit&) = delete;
  PendingCommit& operator=(const PendingCommit&) = delete;

  [[nodiscard]] bool done() const noexcept { return outcome_.has_value(); }
  [[nodiscard]] const Result<CommitReceipt>& outcome() const { return outcome_.value(); }
  [[nodiscard]] bool ok() const { return done() && outcome_->has_value(); }
  [[nodiscard]] const TestMessage& message() const noexcept { return message_; }

 private:
  Task<void> run(SegmentWriter& writer, std::size_t slices);

  World& world_;
  TestMessage message_;
  std::optional<Result<CommitReceipt>> outcome_;
  Gate gate_;
};

struct FoundRecord {
  RecordKey key;
  MessageId id;
  std::string content;
  std::uint32_t record_bytes = 0;
};

// Reads everything of `directory` that has a final end, or `limit` of the segment it names.
[[nodiscard]] std::vector<FoundRecord> read_directory(World& world, const std::string& directory,
                                                      std::optional<DurablePosition> current = std::nullopt);
// Reads one segment up to `limit`.
[[nodiscard]] std::vector<FoundRecord> read_segment(World& world, const std::string& path, SegmentKey key, std::uint64_t limit);

// Small enough that tests see many segments.
[[nodiscard]] WriterOptions small_options(std::uint64_t segment_bytes = 64 * 1024, std::size_t batch_bytes = 16 * 1024);

}  // namespace postern::spool::testing
