#include "net/dns/cache.h"

#include <gtest/gtest.h>

namespace postern::dns {
namespace {

Answer address(std::uint32_t ttl_s, bool authenticated = false) {
  Answer answer{.status = Status::ok, .authenticated = authenticated, .ttl_s = ttl_s};
  answer.records.push_back({ttl_s, Address{IpAddress::v4(1)}});
  return answer;
}
constexpr Instant kStart{1'000'000'000};

TEST(DnsCache, KeepsForTheTtlWhateverTheCaseOfTheName) {
  AnswerCache cache({.stale_max_s = 0});
  cache.keep("Example.ORG", Type::a, false, address(10), kStart);
  ASSERT_NE(cache.find("example.org.", Type::a, false, kStart), nullptr);
  EXPECT_EQ(cache.find("example.org", Type::aaaa, false, kStart), nullptr);
  const Answer* later = cache.find("example.org", Type::a, false, kStart.plus_ms(4000));
  ASSERT_NE(later, nullptr);
  EXPECT_TRUE(later->from_cache);
  EXPECT_EQ(later->ttl_s, 6U);
  EXPECT_EQ(cache.find("example.org", Type::a, false, kStart.plus_ms(10'000)), nullptr);
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(DnsCache, KeepsAbsencesAndNeverFailures) {
  AnswerCache cache({.absence_ttl_max_s = 60});
  cache.keep("a", Type::a, false, {.status = Status::temporary_failure, .ttl_s = 60}, kStart);
  EXPECT_EQ(cache.entries(), 0U);
  cache.keep("a", Type::a, false, {.status = Status::nxdomain, .ttl_s = 0}, kStart);
  EXPECT_EQ(cache.entries(), 0U);
  cache.keep("a", Type::a, false, {.status = Status::nxdomain, .ttl_s = 600}, kStart);
  EXPECT_EQ(cache.find("a", Type::a, false, kStart)->status, Status::nxdomain);
  EXPECT_EQ(cache.find("a", Type::a, false, kStart.plus_ms(60'000)), nullptr);
}

TEST(DnsCache, KeepsAnswersAtLeastForTheFloor) {
  AnswerCache cache({.ttl_min_s = 5, .ttl_max_s = 60});
  cache.keep("a", Type::a, false, address(0), kStart);
  EXPECT_NE(cache.find("a", Type::a, false, kStart.plus_ms(4'999)), nullptr);
  EXPECT_EQ(cache.find("a", Type::a, false, kStart.plus_ms(5'000)), nullptr);
  cache.keep("b", Type::a, false, address(3'600), kStart);
  EXPECT_EQ(cache.find("b", Type::a, false, kStart)->ttl_s, 60U);
}

TEST(DnsCache, AnAnswerPastItsTtlStandsInForAWhileUnauthenticated) {
  AnswerCache cache({.stale_max_s = 100});
  cache.keep("a", Type::a, true, address(10, true), kStart);
  EXPECT_TRUE(cache.find("a", Type::a, true, kStart)->authenticated);
  const Instant expired = kStart.plus_ms(11'000);
  EXPECT_EQ(cache.find("a", Type::a, false, expired), nullptr);
  ASSERT_TRUE(cache.has_stand_in("a", Type::a, true, expired));
  const Answer* answer = cache.stand_in("a", Type::a, true, expired);
  ASSERT_NE(answer, nullptr);
  EXPECT_TRUE(answer->stale);
  EXPECT_FALSE(answer->authenticated);
  EXPECT_EQ(answer->ttl_s, AnswerCache::kStandInS);
  // It is not asked for again at once.
  EXPECT_NE(cache.find("a", Type::a, false, expired.plus_ms(29'000)), nullptr);
  EXPECT_EQ(cache.find("a", Type::a, false, expired.plus_ms(30'000)), nullptr);
  // Nor for ever.
  EXPECT_FALSE(cache.has_stand_in("a", Type::a, false, kStart.plus_ms(110'000)));
  EXPECT_EQ(cache.entries(), 0U);
}

TEST(DnsCache, AFreshAnswerTakesTheStandInsPlace) {
  AnswerCache cache;
  cache.keep("a", Type::a, false, address(10), kStart);
  const Instant expired = kStart.plus_ms(11'000);
  ASSERT_NE(cache.stand_in("a", Type::a, false, expired), nullptr);
  cache.keep("a", Type::a, false, address(10, true), expired);
  EXPECT_FALSE(cache.find("a", Type::a, false, expired)->stale);
  EXPECT_TRUE(cache.find("a", Type::a, false, expired)->authenticated);
}

TEST(DnsCache, AnAbsenceNeverStandsIn) {
  AnswerCache cache;
  cache.keep("a", Type::a, false, {.status = Status::nxdomain, .ttl_s = 60}, kStart);
  EXPECT_FALSE(cache.has_stand_in("a", Type::a, false, kStart.plus_ms(60'000)));
  EXPECT_EQ(cache.stand_in("a", Type::a, false, kStart.plus_ms(60'000)), nullptr);
}

TEST(DnsCache, WhoWantsSignaturesIsNotContentWithLess) {
  AnswerCache cache;
  cache.keep("a", Type::a, false, address(10), kStart);
  EXPECT_EQ(cache.find("a", Type::a, true, kStart), nullptr);
  cache.keep("a", Type::a, true, address(10), kStart);
  EXPECT_NE(cache.find("a", Type::a, true, kStart), nullptr);
  cache.keep("b", Type::a, false, address(10, true), kStart);
  EXPECT_NE(cache.find("b", Type::a, true, kStart), nullptr);
}

TEST(DnsCache, TheLeastUsedMakesRoomForEntriesAndForBytes) {
  AnswerCache few({.entries = 2});
  for (const char* name : {"a", "b"}) few.keep(name, Type::a, false, address(10), kStart);
  EXPECT_NE(few.find("a", Type::a, false, kStart), nullptr);
  few.keep("c", Type::a, false, address(10), kStart);
  EXPECT_EQ(few.find("b", Type::a, false, kStart), nullptr);
  EXPECT_NE(few.find("a", Type::a, false, kStart), nullptr);

  AnswerCache small({.bytes = 10'000});
  for (int i = 0; i < 1000; ++i) small.keep("name" + std::to_string(i), Type::a, false, address(10), kStart);
  EXPECT_LE(small.bytes(), 10'000U);
  EXPECT_GT(small.entries(), 10U);
  EXPECT_NE(small.find("name999", Type::a, false, kStart), nullptr);
  Answer huge = address(10);
  huge.records.push_back({10, Text{{PeerText(std::string(5000, 'x'))}}});
  small.keep("huge", Type::a, false, huge, kStart);
  EXPECT_EQ(small.find("huge", Type::a, false, kStart), nullptr);
}

}  // namespace
}  // namespace postern::dns
