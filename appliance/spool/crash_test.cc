// One shard's spool and its reader through losses of power and kills at any moment, from seeds. What was acknowledged is
// delivered exactly once, what was refused never is, and what was in doubt at most once, however the steps of writing, sealing,
// recovering, handing back and reusing interleave. A failing seed replays: POSTERN_SEED=n runs that one alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "appliance/spool/doorbell.h"
#include "appliance/spool/spool_testing.h"

namespace postern::spool {
namespace {

using testing::PendingCommit;
using testing::World;

constexpr const char* kDirectory = "spool/07";

// The reader's side, with a journal that is always durable: delivers each record once and hands back what is done.
class ReaderModel {
 public:
  explicit ReaderModel(World& world) : world_(world), directory_(world.files, kDirectory) {}

  // Looks at everything that may be read. `doorbell` may be nullptr: sealed segments only. Ends early when power goes.
  Task<void> look(Subscriber* doorbell) {
    std::optional<DurablePosition> current;
    if (doorbell != nullptr) {
      const auto read = doorbell->read();
      if (read) current = *read;
    }
    const auto listed = co_await directory_.list();
    if (!listed) co_return;
    for (const SegmentInfo& info : *listed) {
      if (info.state != HeaderState::good) continue;
      const auto end = final_end(info, *listed);
      std::uint64_t limit = end.value_or(0);
      if (!end && current && current->segment == info.header.key) limit = current->offset;
      if (limit == 0) continue;
      if (!wholly_done_.contains(info.header.key.incarnation) && !co_await deliver(info, limit)) continue;
      if (!end) continue;
      wholly_done_.insert(info.header.key.incarnation);
      const auto handed = co_await directory_.hand_back(info.header.key);
      if (handed) ++hand_backs;
    }
    co_await forget();
  }

  std::map<std::string, int> delivered;
  std::uint64_t hand_backs = 0;
  std::uint64_t forgotten = 0;

 private:
  Task<bool> deliver(const SegmentInfo& info, std::uint64_t limit) {
    auto reader = co_await SegmentReader::open(world_.files, info.path, info.header.key, world_.pool, world_.reporter);
    if (!reader) co_return false;
    for (;;) {
      while (const auto record = (*reader)->take()) {
        const auto view = parse_message(record->kind, record->bytes());
        POSTERN_CHECK(view.has_value());
        if (!done_[record->key.segment.incarnation].insert(record->key.offset).second) continue;
        ++delivered[std::string(view->id.view())];
        const std::uint32_t number = view->id.parts().counter;
        POSTERN_CHECK(view->content == testing::make_message(number, view->content.size()).content);
      }
      const auto more = co_await (*reader)->fetch(limit);
      if (!more) co_return false;
      if (!*more) co_return true;
    }
  }
  // The journal lets go of uses that are gone for good. Were one forgotten too early, it would be delivered again.
  Task<void> forget() {
    for (auto it = wholly_done_.begin(); it != wholly_done_.end();) {
      const std::uint64_t incarnation = *it++;
      const auto gone = co_await directory_.is_gone(incarnation);
      if (!gone || !*gone) continue;
      wholly_done_.erase(incarnation);
      done_.erase(incarnation);
      ++forgotten;
    }
  }

  World& world_;
  SegmentDirectory directory_;
  std::map<std::uint64_t, std::set<std::uint64_t>> done_;
  std::set<std::uint64_t> wholly_done_;
};

struct Totals {
  std::uint64_t acknowledged = 0;
  std::uint64_t in_doubt = 0;
  std::uint64_t doubtful_delivered = 0;
  std::uint64_t hand_backs = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t failed_starts = 0;
  std::uint64_t abandoned = 0;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, int steps = 60) : world_(seed), reader_(world_), steps_(steps) {
    POSTERN_CHECK(world_.make_directory("spool"));
  }

  // Six lives, each ending when and how the seed says.
  void run(Totals& totals) {
    make_doorbell();
    for (int life = 0; life < 5; ++life) {
      if (below(3) == 0) world_.files.set_reorder(&world_.random);
      maybe_inject();
      world_.files.cut_power_after(world_.files.changes() + below(120));
      const bool kill = below(3) != 0;
      live(totals, kill);
      if (world_.files.has_power() && below(2) == 0) continue;
      // A kill keeps what the kernel was given, and the page; a loss of power keeps what it likes.
      if (below(3) == 0)
        die(FakeFileSystem::Survival::all, true);
      else
        die(FakeFileSystem::Survival::random, false);
    }
    maybe_inject();
    finish(totals);
  }
  // One life that ends with the change after the `cut`th. False when it made fewer.
  bool run_cut_at(std::uint64_t cut, FakeFileSystem::Survival survival, Totals& totals) {
    make_doorbell();
    world_.files.cut_power_after(world_.files.changes() + cut);
    live(totals, false);
    const bool was_cut = !world_.files.has_power();
    if (was_cut) die(survival, false);
    finish(totals);
    return was_cut;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return world_.random.below(bound); }

  void make_doorbell() {
    auto bell = Doorbell::create(1);
    POSTERN_CHECK(bell.has_value());
    bell_.emplace(std::move(*bell));
    subscriber_.emplace(bell_->subscriber(0));
  }

  void maybe_inject() {
    if (below(4) != 0) return;
    world_.files.inject({.op = FakeOp::write_durable,
                         .skip = below(40),
                         .is_short = below(2) == 0,
                         .transferred = below(3) * kBlockBytes,
                         .effective = below(2) == 0 ? 0U : 1U << 20});
  }

  // From a start to the next death, or to a stop in good order.
  void live(Totals& totals, bool kill) {
    Publisher publisher(bell_->publisher(0));
    WriterOptions options = testing::small_options(32 * 1024, 8192);
    options.free_segments_max = 2;
    SegmentWriter writer(world_.files, kDirectory, options, world_.random, world_.reporter, &publisher);
    world_.writer = &writer;
    if (world_.run(writer.start())) {
      for (int step = 0; step < steps_; ++step) act(writer);
      world_.settle();
      if (kill) world_.files.cut_power();
      world_.run(writer.stop());
    } else {
      ++totals.failed_starts;
    }
    world_.settle();
    POSTERN_CHECK(looking_.inside() == 0);
    totals.abandoned += writer.stats().abandoned.get();
    world_.writer = nullptr;
    settle_commits();
  }

  void die(FakeFileSystem::Survival survival, bool keeps_page) {
    world_.files.cut_power();
    world_.files.restart(survival, &world_.random);
    if (!keeps_page) make_doorbell();
  }

  void finish(Totals& totals) {
    world_.files.cut_power_after(UINT64_MAX);
    live(totals, false);
    check(totals);
  }

  void act(SegmentWriter& writer) {
    switch (below(8)) {
      case 0: world_.turn(); break;
      case 1:
        if (looking_.inside() == 0) looking_.start(reader_.look(&*subscriber_));
        break;
      case 2:
        if (looking_.inside() == 0) looking_.start(writer.tidy());
        break;
      default: commits_.emplace_back(world_, writer, testing::make_message(next_number_++, 200 + below(3000)));
    }
    if (!world_.files.has_power()) return;
    // What has been answered with power on counts; what comes after it is gone with the process.
    while (!commits_.empty() && commits_.front().done() && below(2) == 0) note_first();
  }

  // Takes down the answer to the first commit.
  void note_first() {
    const PendingCommit& first = commits_.front();
    const std::string id(first.message().id.view());
    if (first.ok()) {
      acknowledged_.insert(id);
      // Only a header that notes the end of the failed segment lets the writer go on.
      refused_.merge(doubtful_now_);
      doubtful_now_.clear();
    } else if (first.outcome().error().code == Errc::in_doubt || !world_.files.has_power()) {
      doubtful_now_.insert(id);
    } else {
      refused_.insert(id);
    }
    commits_.pop_front();
  }
  void settle_commits() {
    while (!commits_.empty()) note_first();
    in_doubt_.merge(doubtful_now_);
    doubtful_now_.clear();
  }

  void check(Totals& totals) {
    world_.files.clear_faults();  // the last seal may have been what failed
    RecoveryReport report;
    EXPECT_TRUE(world_.run(recover_directory(world_.files, kDirectory, world_.reporter, report)));
    world_.run(reader_.look(nullptr));
    world_.run(reader_.look(nullptr));
    for (const std::string& id : acknowledged_) EXPECT_EQ(reader_.delivered[id], 1) << "acknowledged " << id;
    for (const std::string& id : refused_) EXPECT_EQ(reader_.delivered[id], 0) << "refused " << id;
    for (const std::string& id : in_doubt_) {
      EXPECT_LE(reader_.delivered[id], 1) << "in doubt " << id;
      totals.doubtful_delivered += static_cast<std::uint64_t>(reader_.delivered[id]);
    }
    EXPECT_EQ(reader_.delivered.size(), acknowledged_.size() + refused_.size() + in_doubt_.size());  // nothing from nowhere
    EXPECT_TRUE(world_.reporter.seen.empty());
    totals.acknowledged += acknowledged_.size();
    totals.in_doubt += in_doubt_.size();
    totals.hand_backs += reader_.hand_backs;
    totals.forgotten += reader_.forgotten;
  }

  World world_;
  std::optional<Doorbell> bell_;
  std::optional<Subscriber> subscriber_;
  ReaderModel reader_;
  int steps_;
  Gate looking_;
  std::deque<PendingCommit> commits_;
  std::uint32_t next_number_ = 0;
  std::set<std::string> acknowledged_;
  std::set<std::string> in_doubt_;      // nothing said later what became of them
  std::set<std::string> doubtful_now_;  // in this life
  std::set<std::string> refused_;
};

TEST(SpoolCrash, PowerMayGoAtEveryPoint) {
  for (const auto survival :
       {FakeFileSystem::Survival::none, FakeFileSystem::Survival::all, FakeFileSystem::Survival::random}) {
    Totals totals;
    std::uint64_t cut = 0;
    for (;; ++cut) {
      SCOPED_TRACE("cut after " + std::to_string(cut));
      if (!Simulation(7, 100).run_cut_at(cut, survival, totals)) break;
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
    EXPECT_GT(cut, 70U);
    EXPECT_GT(totals.hand_backs, 100U);
  }
}

TEST(SpoolCrash, NothingAcknowledgedIsLostOrDoubledUnderAnySeed) {
  std::uint64_t first = 1;
  std::uint64_t count = 500;
  if (const char* seed = std::getenv("POSTERN_SEED")) {
    first = std::strtoull(seed, nullptr, 10);
    count = 1;
  } else if (const char* seeds = std::getenv("POSTERN_SEEDS")) {
    count = std::strtoull(seeds, nullptr, 10);
  }
  Totals totals;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation(seed).run(totals);
    if (::testing::Test::HasFailure()) return;
  }
  if (count < 100) return;
  // The simulation reaches what it is meant to reach.
  EXPECT_GT(totals.acknowledged, count * 20);
  EXPECT_GT(totals.in_doubt, count);
  EXPECT_GT(totals.doubtful_delivered, 0U);
  EXPECT_GT(totals.hand_backs, count);
  EXPECT_GT(totals.forgotten, count / 2);
  EXPECT_GT(totals.failed_starts, count / 20);
  EXPECT_GT(totals.abandoned, count / 20);
}

}  // namespace
}  // namespace postern::spool
