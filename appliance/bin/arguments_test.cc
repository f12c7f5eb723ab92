#include "appliance/bin/arguments.h"

#include <gtest/gtest.h>

namespace postern::bin {
namespace {

std::expected<Arguments, std::string> parse(std::vector<const char*> arguments) { return parse_arguments(arguments); }

TEST(Arguments, CommandsWantAConfiguration) {
  EXPECT_EQ(parse({"run", "-c", "a.conf"})->config_path, "a.conf");
  EXPECT_TRUE(parse({"stats", "--json", "-c", "a.conf"})->json);
  EXPECT_EQ(parse({"--version"})->command, "version");
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"run"}));
  EXPECT_FALSE(parse({"run", "-c"}));
  EXPECT_FALSE(parse({"fly", "-c", "a.conf"}));
  EXPECT_FALSE(parse({"run", "--bogus", "x", "-c", "a.conf"}));
}

TEST(Arguments, WhatIsInheritedReadsBack) {
  const InheritedListener v4{{*IpAddress::parse("192.0.2.1"), 25}, {5, 6}};
  const InheritedListener v6{{*IpAddress::parse("::1"), 2525}, {7}};
  const InheritedDoorbell doorbell{8, {9, 10}};
  std::vector<std::string> options{"ingress", "-c", "f"};
  for (const auto& part : {to_options(v4), to_options(v6), to_options(doorbell)})
    options.insert(options.end(), part.begin(), part.end());
  std::vector<const char*> raw;
  for (const std::string& option : options) raw.push_back(option.c_str());
  const auto parsed = parse_arguments(raw);
  ASSERT_TRUE(parsed) << parsed.error();
  ASSERT_EQ(parsed->listeners.size(), 2U);
  EXPECT_EQ(parsed->listeners[0].address, v4.address);
  EXPECT_EQ(parsed->listeners[0].descriptors, v4.descriptors);
  EXPECT_EQ(parsed->listeners[1].address, v6.address);
  EXPECT_EQ(parsed->doorbell->memory, 8);
  EXPECT_EQ(parsed->doorbell->events, doorbell.events);
}

TEST(Arguments, ProbesComeFromAnywhere) {
  const auto client = [](const char* value) {
    const auto parsed = parse({"probe", "-c", "f", "--from", value});
    return parsed ? parsed->probe.client->to_string() : parsed.error();
  };
  EXPECT_EQ(client("192.0.2.1"), "[192.0.2.1]:49152");
  EXPECT_EQ(client("192.0.2.1:25"), "[192.0.2.1]:25");
  EXPECT_EQ(client("2001:db8::1"), "[2001:db8::1]:49152");
  EXPECT_EQ(client("[2001:db8::1]"), "[2001:db8::1]:49152");
  EXPECT_EQ(client("[2001:db8::1]:587"), "[2001:db8::1]:587");
  for (const char* value : {"", "x", "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:70000", "[192.0.2.1", "[::1]25", "192.0.2.0/24"})
    EXPECT_FALSE(parse({"probe", "-c", "f", "--from", value})) << value;
  EXPECT_FALSE(parse({"probe", "-c", "f"}));
  const auto parsed = parse({"probe", "-c", "f", "--from", "192.0.2.1", "--to", "[::1]:26"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->probe.local.to_string(), "[::1]:26");
}

TEST(Arguments, DamagedInheritanceIsRefused) {
  for (const char* value :
       {"", "[127.0.0.1]:25", "[127.0.0.1]:25=", "[127.0.0.1]:25=x", "127.0.0.1:25=5", "[127.0.0.1]:70000=5"})
    EXPECT_FALSE(parse({"ingress", "-c", "f", "--listener", value})) << value;
  for (const char* value : {"", "7", "7,", "a,b"}) EXPECT_FALSE(parse({"deliver", "-c", "f", "--doorbell", value})) << value;
}

}  // namespace
}  // namespace postern::bin
