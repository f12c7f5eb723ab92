#include "appliance/language/socket_answers.h"

#include <gtest/gtest.h>

#include "appliance/language/auth_results.h"

namespace postern::language {
namespace {

TEST(SocketAnswers, AreKeptForOneSocketAndRequest) {
  SocketAnswers answers;
  answers.keep("/a", "x", "1");
  answers.keep("/a", "y", "2");
  answers.keep("/b", "x", "3");
  EXPECT_EQ(answers.find("/a", "x"), "1");
  EXPECT_EQ(answers.find("/b", "x"), "3");
  EXPECT_EQ(answers.find("/a", "z"), std::nullopt);
  EXPECT_EQ(answers.find("/ax", ""), std::nullopt);
  answers.forget("/a");
  EXPECT_EQ(answers.find("/a", "y"), std::nullopt);
  EXPECT_EQ(answers.find("/b", "x"), "3");
}

TEST(SocketAnswers, AreFew) {
  SocketAnswers answers;
  for (std::size_t n = 0; n <= SocketAnswers::kAnswersMax; ++n) answers.keep("/a", std::to_string(n), "x");
  EXPECT_EQ(answers.find("/a", "0"), std::nullopt);
  EXPECT_EQ(answers.find("/a", std::to_string(SocketAnswers::kAnswersMax)), "x");
}

TEST(AuthResults, TellOfTheClientsName) {
  dns::HostNames names;
  const AuthFacts facts{.client = IpAddress::parse("2001:db8::1"), .names = &names};
  EXPECT_EQ(auth_results("mx", {}), "Authentication-Results: mx; none");
  EXPECT_EQ(auth_results("mx", facts), "Authentication-Results: mx;\n\tiprev=fail smtp.remote-ip=2001:db8::1");
  names.result = dns::HostNames::Result::deferred;
  EXPECT_EQ(auth_results("mx", facts), "Authentication-Results: mx;\n\tiprev=temperror smtp.remote-ip=2001:db8::1");
}

}  // namespace
}  // namespace postern::language
