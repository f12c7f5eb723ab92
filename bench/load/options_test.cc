#include "bench/load/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace postern::load {
namespace {

std::expected<Options, std::string> parse(std::vector<const char*> arguments) { return parse_options(arguments); }

// What is wrong with it; empty when nothing is.
std::string complaint(std::vector<const char*> arguments) {
  const auto options = parse_options(arguments);
  return options ? "" : options.error();
}

TEST(LoadOptions, ATargetIsEnough) {
  const auto options = parse({"127.0.0.1:2525"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->target.host, "127.0.0.1");
  EXPECT_EQ(options->target.port, 2525);
  EXPECT_EQ(options->arrivals, Arrivals::at_once);
  EXPECT_EQ(options->seconds, 10);
  EXPECT_EQ(options->count, 0U);
  EXPECT_TRUE(options->quit);
}

TEST(LoadOptions, Targets) {
  EXPECT_EQ(parse({"mx.example.test"})->target.port, 25);
  EXPECT_EQ(parse({"mx.example.test"})->target.host, "mx.example.test");
  EXPECT_EQ(parse({"[2001:db8::1]:587"})->target.host, "2001:db8::1");
  EXPECT_EQ(parse({"[2001:db8::1]:587"})->target.port, 587);
  EXPECT_EQ(parse({"[::1]"})->target.port, 25);
  EXPECT_EQ(parse({"unix:/run/smtp"})->target.path, "/run/smtp");
  for (const char* target : {"", ":25", "::1", "::1:25", "[::1", "[::1]25", "[x]:25", "[]:25", "h:", "h:0", "h:65536", "h:x",
                             "h:25x", "unix:", "unix:relative"})
    EXPECT_NE(complaint({target}), "") << target;
  EXPECT_NE(complaint({"a", "b"}).find("only one target"), std::string::npos);
}

TEST(LoadOptions, EveryOptionIsRead) {
  const auto options = parse({"-c",
                              "100",
                              "-m",
                              "1",
                              "-r",
                              "3",
                              "-s",
                              "1k-2k",
                              "-p",
                              "8",
                              "--bdat",
                              "-R",
                              "250.5",
                              "--arrivals",
                              "poisson",
                              "-n",
                              "1000",
                              "-t",
                              "2.5",
                              "--warmup",
                              "0",
                              "--slow",
                              "20",
                              "--slow-send",
                              "0",
                              "--slow-read",
                              "5",
                              "--proxy",
                              "v2",
                              "--proxy-from",
                              "2001:db8::/32",
                              "--source",
                              "127.0.0.2",
                              "-f",
                              "",
                              "--to",
                              "b%n@x",
                              "--helo=h",
                              "--no-quit",
                              "--cpu",
                              "1",
                              "--timeout",
                              "5",
                              "--give-up",
                              "0.5",
                              "--seed",
                              "9",
                              "-q",
                              "--json",
                              "h:1"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->connections, 100U);
  EXPECT_EQ(options->per_connection, 1U);
  EXPECT_EQ(options->recipients, 3U);
  EXPECT_EQ(options->sizes.shares()[0].to, 2048U);
  EXPECT_EQ(options->pipeline, 8U);
  EXPECT_TRUE(options->bdat);
  EXPECT_EQ(options->rate, 250.5);
  EXPECT_EQ(options->arrivals, Arrivals::poisson);
  EXPECT_EQ(options->count, 1000U);
  EXPECT_EQ(options->seconds, 2.5);
  EXPECT_EQ(options->warmup_percent, 0);
  EXPECT_EQ(options->slow_percent, 20);
  EXPECT_EQ(options->slow_send, 0U);
  EXPECT_EQ(options->slow_read, 5U);
  EXPECT_EQ(options->proxy, ProxyVersion::v2);
  EXPECT_EQ(options->proxy_from->prefix_bits, 32U);
  EXPECT_EQ(options->source->to_string(), "127.0.0.2");
  EXPECT_EQ(options->sender, "");
  EXPECT_EQ(options->recipient, "b%n@x");
  EXPECT_EQ(options->helo, "h");
  EXPECT_FALSE(options->quit);
  EXPECT_EQ(options->cpu, 1U);
  EXPECT_EQ(options->timeout_seconds, 5);
  EXPECT_EQ(options->give_up_seconds, 0.5);
  EXPECT_EQ(options->seed, 9U);
  EXPECT_TRUE(options->quiet);
  EXPECT_TRUE(options->json);
}

TEST(LoadOptions, WhatFollowsFromOthers) {
  EXPECT_EQ(parse({"--rate", "5", "h"})->arrivals, Arrivals::even);
  EXPECT_EQ(parse({"-n", "5", "h"})->seconds, 0) << "a count alone has no end in time";
  EXPECT_TRUE(parse({"--proxy", "v1", "h"})->proxy_from);
  EXPECT_TRUE(parse({"--help"})->help);
  EXPECT_TRUE(parse({"-V"})->version);
}

TEST(LoadOptions, MistakesAreTold) {
  EXPECT_NE(complaint({}).find("no target"), std::string::npos);
  EXPECT_NE(complaint({"h", "-c"}).find("lacks its value"), std::string::npos);
  EXPECT_NE(complaint({"h", "--bogus"}).find("unknown option --bogus"), std::string::npos);
  EXPECT_NE(complaint({"h", "-c", "0"}).find("from 1 to 20000"), std::string::npos);
  EXPECT_NE(complaint({"h", "--warmup", "91"}).find("from 0 to 90"), std::string::npos);
  EXPECT_NE(complaint({"h", "--give-up", "0"}).find("from 0.1 to 86400"), std::string::npos);
  EXPECT_NE(complaint({"h", "-s", "12"}).find("is not a size"), std::string::npos);
  EXPECT_NE(complaint({"h", "-p", "3"}).find("needs --bdat"), std::string::npos);
  EXPECT_EQ(complaint({"h", "-p", "2"}), "");
  EXPECT_NE(complaint({"h", "--arrivals", "even"}).find("needs --rate"), std::string::npos);
  EXPECT_NE(complaint({"h", "--proxy-from", "10.0.0.0/8"}).find("needs --proxy"), std::string::npos);
  EXPECT_NE(complaint({"h", "--slow", "5", "--slow-send", "0"}).find("needs --slow-send"), std::string::npos);
  EXPECT_NE(complaint({"unix:/s", "--source", "127.0.0.1"}).find("no meaning"), std::string::npos);
  for (const char* value : {"", "x", "-1", "1x", "nan", "inf", "1e3", "99999999999999999999999"}) {
    EXPECT_NE(complaint({"h", "-n", value}), "") << value;
    EXPECT_NE(complaint({"h", "-R", value}), "") << value;
  }
  for (const char* value : {"a b@x", "<a@x>", "a@x\r\nQUIT", "a\tb"}) {
    EXPECT_NE(complaint({"h", "--to", value}), "") << value;
    EXPECT_NE(complaint({"h", "--from", value}), "") << value;
    EXPECT_NE(complaint({"h", "--helo", value}), "") << value;
  }
  EXPECT_NE(complaint({"h", "--to", ""}), "");
  EXPECT_NE(complaint({"h", "--helo", ""}), "");
  EXPECT_NE(complaint({"h", "--proxy", "v3"}), "");
  EXPECT_NE(complaint({"h", "--arrivals", "odd", "--rate", "1"}), "");
  EXPECT_NE(complaint({"h", "--source", "300.1.1.1"}), "");
  EXPECT_NE(complaint({"h", "--cpu", "1024"}), "");
}

}  // namespace
}  // namespace postern::load
