#include "appliance/language/socket_answers.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace postern::language
