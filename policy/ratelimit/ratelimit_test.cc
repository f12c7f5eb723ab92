#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "policy/ratelimit/rate_table.h"
#include "policy/ratelimit/rate_words.h"

namespace postern::ratelimit {
namespace {

constexpr double kHour = 3600;

Question question(double limit, Update update = Update::leaky) {
  return {.key = "1h/per_mail/192.0.2.1", .count = 1, .limit = limit, .period_s = kHour, .update = update};
}

TEST(RateWords, ReadsAllOfThem) {
  std::string why;
  const auto words = read_rate_words("1.5k / 1h30m / per_rcpt / strict / count=3 / unique=$u/a//b / c", why);
  ASSERT_TRUE(words) << why;
  EXPECT_EQ(words->limit, 1536);
  EXPECT_EQ(words->limit_text, "1.5k");
  EXPECT_EQ(words->period_s, 5400);
  EXPECT_EQ(words->period_text, "1h30m");
  EXPECT_EQ(words->mode, Mode::per_rcpt);
  EXPECT_EQ(words->update, Update::strict);
  EXPECT_EQ(words->count, 3);
  EXPECT_EQ(words->unique, "$u");
  EXPECT_EQ(words->key, "a/b/c");
}

TEST(RateWords, RefusesWhatMakesNoSense) {
  for (const std::string_view text :
       {"", "1", "x / 1h", "1 / x", "1 / 0s", "-1 / 1h", "1 / 1h / strict / leaky", "inf / 1h", "1q / 1h",
        "1 / 1h / readonly / strict", "1 / 1h / per_cmd / per_mail", "1 / 1h / count=x", "1 / 1y"}) {
    std::string why;
    EXPECT_FALSE(read_rate_words(text, why)) << text;
    EXPECT_TRUE(why.starts_with("error in arguments to \"ratelimit\" condition: ")) << why;
  }
}

TEST(RateTable, SmoothesAsEximDoes) {
  RateTable table;
  ManualClock clock;
  // The first event is one event a period.
  EXPECT_DOUBLE_EQ(table.ask(question(100, Update::strict), clock.wall_now()).rate, 1);
  // One a minute goes towards 60 an hour, and never beyond it.
  double rate = 0;
  for (int i = 0; i < 600; ++i) {
    clock.advance_ms(60'000);
    const double next = table.ask(question(100, Update::strict), clock.wall_now()).rate;
    EXPECT_GE(next, rate);
    rate = next;
  }
  EXPECT_NEAR(rate, 60, 0.01);
  // After a long silence it is one again.
  clock.advance_ms(1000LL * 3600 * 24);
  EXPECT_DOUBLE_EQ(table.ask(question(100, Update::strict), clock.wall_now()).rate, 1);
  // Two at once: 2 events, of which the second weighs a little more than one of the first.
  EXPECT_NEAR(table.ask(question(100, Update::strict), clock.wall_now()).rate, 2, 1e-6);
}

TEST(RateTable, LeakyForgetsWhatIsOverTheLimitAndStrictDoesNot) {
  RateTable leaky;
  RateTable strict;
  ManualClock clock;
  double leaky_rate = 0;
  double strict_rate = 0;
  for (int i = 0; i < 20; ++i) {
    leaky_rate = leaky.ask(question(5), clock.wall_now()).rate;
    const Verdict verdict = strict.ask(question(5, Update::strict), clock.wall_now());
    strict_rate = verdict.rate;
    EXPECT_EQ(verdict.over, i >= 4) << i;  // at the limit is over it
  }
  EXPECT_NEAR(leaky_rate, 5, 1e-3);
  EXPECT_NEAR(strict_rate, 20, 1e-3);
}

TEST(RateTable, ReadonlyChangesNothing) {
  RateTable table;
  ManualClock clock;
  EXPECT_EQ(table.ask(question(0, Update::readonly), clock.wall_now()).over, true);
  EXPECT_EQ(table.keys(), 0u);
  EXPECT_EQ(table.ask(question(9, Update::strict), clock.wall_now()).rate, 1);
  clock.advance_ms(3'600'000);
  const double kept = table.ask(question(9, Update::readonly), clock.wall_now()).rate;
  EXPECT_NEAR(kept, 0.3678794, 1e-6);
  EXPECT_EQ(table.ask(question(9, Update::readonly), clock.wall_now()).rate, kept);
}

TEST(RateTable, CountsDifferentEventsOnceAPeriod) {
  RateTable table;
  ManualClock clock;
  Question asked = question(100, Update::strict);
  for (const char* unique : {"a", "b", "a", "b", "c"}) {
    asked.unique = unique;
    static_cast<void>(table.ask(asked, clock.wall_now()));
  }
  asked.unique = "c";
  EXPECT_NEAR(table.ask(asked, clock.wall_now()).rate, 3, 1e-3);
  clock.advance_ms(3'600'001);
  EXPECT_GT(table.ask(asked, clock.wall_now()).rate, 1.0);
}

std::string save(RateTable& table) {
  RateTable::Saving saving(table);
  while (saving.add_slice()) {}
  return saving.take();
}

bool take_all(std::string_view, const void*) { return true; }

TEST(RateTable, SurvivesBeingSaved) {
  RateTable table;
  ManualClock clock;
  Question asked = question(100, Update::strict);
  asked.key = "1h/per_mail/with blank\n%\xff";
  static_cast<void>(table.ask(asked, clock.wall_now()));
  asked.key = "1h/per_addr/unique/x";
  asked.unique = "one";
  static_cast<void>(table.ask(asked, clock.wall_now()));
  const std::string saved = save(table);

  RateTable again;
  EXPECT_TRUE(again.load(saved, take_all, nullptr));
  EXPECT_EQ(save(again), saved);
  EXPECT_EQ(again.keys(), 2u);
  EXPECT_NEAR(again.ask(asked, clock.wall_now()).rate, 1, 1e-3);  // "one" was seen

  const auto none = [](std::string_view, const void*) { return false; };
  RateTable others;
  EXPECT_TRUE(others.load(saved, none, nullptr));
  EXPECT_EQ(others.keys(), 0u);
  // What is younger stays.
  EXPECT_TRUE(again.load(saved, take_all, nullptr));
  EXPECT_EQ(again.keys(), 2u);
  for (std::size_t cut = 0; cut < saved.size(); ++cut) {
    RateTable partly;
    EXPECT_LE((static_cast<void>(partly.load(saved.substr(0, cut), take_all, nullptr)), partly.keys()), 2u);
  }
}

TEST(RateTable, IsSavedWhileItIsAsked) {
  RateTable table;
  ManualClock clock;
  constexpr int kKeys = 5'000;
  const auto ask = [&](int key) {
    Question asked = question(100, Update::strict);
    asked.key = "key" + std::to_string(key);
    static_cast<void>(table.ask(asked, clock.wall_now()));
  };
  for (int key = 0; key < kKeys; ++key) ask(key);
  RateTable::Saving saving(table);
  std::size_t slices = 1;
  for (; saving.add_slice(); ++slices) {
    // Written ones, the next one to be written, those far from it, and new ones.
    for (const int key : {0, 1, 499, 500, 501, 1000, 1001, kKeys - 1}) ask(key);
    for (int key = 0; key < 400; key += 7) ask(static_cast<int>(slices) * 500 + key);
    ask(kKeys + static_cast<int>(slices));
  }
  EXPECT_GE(slices, kKeys / 500u);
  const std::string text = saving.take();
  EXPECT_EQ(std::ranges::count(text, '\n'), kKeys + 1);  // each once, and the first line
  RateTable again;
  EXPECT_TRUE(again.load(text, take_all, nullptr));
  EXPECT_EQ(again.keys(), static_cast<std::size_t>(kKeys));
}

TEST(RateTable, ForgetsWhatIsAboutToBeSaved) {
  RateTable table;
  ManualClock clock;
  Question asked = question(100, Update::strict);
  for (std::size_t key = 0; key < RateTable::kKeysMax; ++key) {
    asked.key = std::to_string(key);
    static_cast<void>(table.ask(asked, clock.wall_now()));
  }
  RateTable::Saving saving(table);
  ASSERT_TRUE(saving.add_slice());
  for (int key = 0; key < 2'000; ++key) {  // those written already go first, and then some that were not
    asked.key = "new" + std::to_string(key);
    static_cast<void>(table.ask(asked, clock.wall_now()));
  }
  while (saving.add_slice()) {}
  const std::string text = saving.take();
  RateTable again;
  EXPECT_TRUE(again.load(text, take_all, nullptr));
  EXPECT_EQ(again.keys(), RateTable::kKeysMax - 1'500);
}

TEST(RateTable, ForgetsTheLeastRecentlyUsed) {
  RateTable table;
  ManualClock clock;
  Question asked = question(100, Update::strict);
  for (std::size_t i = 0; i < RateTable::kKeysMax + 10; ++i) {
    asked.key = "key " + std::to_string(i);
    static_cast<void>(table.ask(asked, clock.wall_now()));
  }
  EXPECT_EQ(table.keys(), RateTable::kKeysMax);
  asked.key = "key 0";
  asked.update = Update::readonly;
  EXPECT_EQ(table.ask(asked, clock.wall_now()).rate, 0);
}

}  // namespace
}  // namespace postern::ratelimit
