#include "engine/coro/stop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace postern {
namespace {

class Listener final : public StopListener {
 public:
  explicit Listener(std::function<void()> then = {}) : then_(std::move(then)) {}
  void start(StopSource& source) { listen(source); }
  void end() { unlisten(); }
  int told = 0;

 private:
  void on_stop() override {
    ++told;
    if (then_) then_();
  }
  std::function<void()> then_;
};

TEST(Stop, TellsEveryListenerOnce) {
  StopSource source;
  Listener a, b, c;
  for (Listener* listener : {&a, &b, &c}) listener->start(source);
  EXPECT_FALSE(source.stop_requested());
  source.request_stop();
  source.request_stop();
  EXPECT_TRUE(source.stop_requested());
  for (const Listener* listener : {&a, &b, &c}) EXPECT_EQ(listener->told, 1);
}

TEST(Stop, ALateListenerIsToldAtOnce) {
  StopSource source;
  source.request_stop();
  Listener listener;
  listener.start(source);
  EXPECT_EQ(listener.told, 1);
  listener.start(source);  // it was not registered, so it may listen again
  EXPECT_EQ(listener.told, 2);
}

TEST(Stop, WhoLeavesIsNotTold) {
  StopSource source;
  Listener a, b, c;
  for (Listener* listener : {&a, &b, &c}) listener->start(source);
  b.end();  // from the middle of the list
  b.end();
  {
    Listener short_lived;
    short_lived.start(source);
  }
  source.request_stop();
  EXPECT_EQ(a.told, 1);
  EXPECT_EQ(b.told, 0);
  EXPECT_EQ(c.told, 1);
}

TEST(Stop, ListenersMayLeaveEndAndJoinFromWithin) {
  StopSource source;
  auto ended = std::make_unique<Listener>();
  Listener left;
  Listener joined;
  // Listeners are told last come first, so this one, started last, comes before those it changes.
  Listener busy([&] {
    ended.reset();
    left.end();
    joined.start(source);
    source.request_stop();
  });
  left.start(source);
  ended->start(source);
  busy.start(source);
  source.request_stop();
  EXPECT_EQ(busy.told, 1);
  EXPECT_EQ(left.told, 0);
  EXPECT_EQ(joined.told, 1);
}

TEST(Stop, AListenerMayEndItself) {
  StopSource source;
  std::unique_ptr<Listener> self;
  self = std::make_unique<Listener>([&] { self.reset(); });
  self->start(source);
  source.request_stop();
  EXPECT_EQ(self, nullptr);
}

TEST(Stop, TheSourceMayGoFirst) {
  Listener listener;
  {
    StopSource source;
    listener.start(source);
  }
  StopSource other;
  listener.start(other);
  other.request_stop();
  EXPECT_EQ(listener.told, 1);
}

TEST(LinkedStopSource, StopsWithItsParentAndNotTheOtherWayRound) {
  StopSource parent;
  LinkedStopSource child(parent);
  LinkedStopSource grandchild(child.source());
  Listener listener;
  listener.start(grandchild.source());
  {
    LinkedStopSource sibling(parent);
    sibling.source().request_stop();
  }
  EXPECT_FALSE(parent.stop_requested());
  parent.request_stop();
  EXPECT_TRUE(child.source().stop_requested());
  EXPECT_TRUE(grandchild.source().stop_requested());
  EXPECT_EQ(listener.told, 1);
}

TEST(LinkedStopSource, AStoppedParentMakesAStoppedChild) {
  StopSource parent;
  parent.request_stop();
  LinkedStopSource child(parent);
  EXPECT_TRUE(child.source().stop_requested());
}

TEST(LinkedStopSource, TheParentMayGoFirst) {
  auto parent = std::make_unique<StopSource>();
  LinkedStopSource child(*parent);
  parent.reset();
  EXPECT_FALSE(child.source().stop_requested());
}

}  // namespace
}  // namespace postern
