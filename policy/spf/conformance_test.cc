// The public test suites (tests/conformance/spf), each case against a resolver that holds its zone.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/manual_scheduler.h"
#include "policy/spf/macro.h"
#include "policy/spf/spf.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::spf {
namespace {

using Words = std::vector<std::string>;

std::string unescaped(std::string_view word) {
  if (word == "\"\"") return "";
  std::string out;
  while (!word.empty()) {
    if (word.starts_with("\\x")) {
      out += static_cast<char>(std::stoi(std::string(word.substr(2, 2)), nullptr, 16));
      word.remove_prefix(4);
    } else {
      out += word.front();
      word.remove_prefix(1);
    }
  }
  return out;
}

std::vector<Words> read_suite(const std::string& name) {
  const char* const source = std::getenv("POSTERN_SOURCE_DIR");
  if (source == nullptr) return {};
  std::ifstream file(std::string(source) + "/tests/conformance/spf/" + name);
  std::vector<Words> lines;
  for (std::string line; std::getline(file, line);) {
    Words words;
    for (std::string_view rest = line;;) {
      const std::size_t tab = rest.find('\t');
      words.push_back(unescaped(rest.substr(0, tab)));
      if (tab == std::string_view::npos) break;
      rest.remove_prefix(tab + 1);
    }
    lines.push_back(std::move(words));
  }
  return lines;
}

// The zone of one scenario.
class Zone {
 public:
  void add(const Words& line) {
    const std::string name = in_dns(line[1]);
    const std::string& type = line[2];
    if (type == "TIMEOUT")
      silent_.insert(dns::lower_case(name));
    else
      records_[dns::lower_case(name)].push_back(line);
  }

  // The records, and at aliases those that the CNAMEs lead to; an alias that leads in a circle gives no answer.
  void fill(dns::FakeResolver& resolver) const {
    for (const auto& [name, lines] : records_) {
      std::string end = name;
      for (int i = 0; i < 8 && !alias_of(end).empty(); ++i) end = alias_of(end);
      if (!alias_of(end).empty()) fail_others(resolver, name, {});
      if (const auto found = records_.find(end); found != records_.end())
        for (const Words& line : found->second) add_record(resolver, name, line);
    }
    for (const std::string& name : silent_) {
      const auto found = records_.find(name);
      fail_others(resolver, name, found == records_.end() ? std::vector<Words>{} : found->second);
    }
  }

 private:
  static std::string in_dns(std::string_view name) {
    if (name.empty()) return ".";
    return name_to_ask(name).value();
  }
  [[nodiscard]] std::string alias_of(const std::string& name) const {
    const auto found = records_.find(name);
    if (found == records_.end()) return "";
    for (const Words& line : found->second)
      if (line[2] == "CNAME") return dns::lower_case(in_dns(line[3]));
    return "";
  }
  static void add_record(dns::FakeResolver& resolver, const std::string& name, const Words& line) {
    const std::string& type = line[2];
    if (type == "A" || type == "AAAA") resolver.add_address(name, line[3]);
    if (type == "MX") resolver.add_mx(name, static_cast<std::uint16_t>(std::stoi(line[3])), in_dns(line[4]));
    if (type == "PTR") resolver.add(name, dns::Type::ptr, dns::HostName{PeerText(in_dns(line[3]))});
    if (type != "TXT") return;
    dns::Text text;
    for (std::size_t i = 3; i < line.size(); ++i) text.strings.emplace_back(line[i]);
    resolver.add(name, dns::Type::txt, std::move(text));
  }
  static void fail_others(dns::FakeResolver& resolver, const std::string& name, const std::vector<Words>& there) {
    const std::pair<const char*, dns::Type> types[] = {{"A", dns::Type::a},
                                                       {"AAAA", dns::Type::aaaa},
                                                       {"MX", dns::Type::mx},
                                                       {"PTR", dns::Type::ptr},
                                                       {"TXT", dns::Type::txt}};
    for (const auto& [word, type] : types)
      if (std::ranges::none_of(there, [&](const Words& line) { return line[2] == word; })) resolver.fail(name, type, "timeout");
  }

  std::map<std::string, std::vector<Words>> records_;
  std::set<std::string> silent_;
};

// What a case says that it should not, empty when it is right.
std::string fault(const Words& test, const Zone& zone, bool known_at_once) {
  ManualScheduler scheduler;
  dns::FakeResolver resolver;
  resolver.know_at_once(known_at_once);
  zone.fill(resolver);
  Question question{.client = IpAddress::parse(test[3]).value(),
                    .sender = PeerText(test[4]),
                    .helo = PeerText(test[2]),
                    .receiver = "receiver.example",
                    .smtp_comment = "DEFAULT"};
  const Outcome outcome = testing::run_task(scheduler, check(std::move(question), resolver, {}));
  const std::string result(to_string(outcome.result));
  if (("," + test[5] + ",").find("," + result + ",") == std::string::npos)
    return "is " + result + " and not " + test[5] + " (" + std::string(outcome.problem.view()) + ")";
  if (test.size() > 6 && outcome.result == Result::fail && outcome.explanation.view() != test[6])
    return "says \"" + std::string(outcome.explanation.view()) + "\" and not \"" + test[6] + "\"";
  return "";
}

// Returns how many cases of the suite passed, and says so.
std::size_t passed_of(const std::string& name, bool known_at_once) {
  std::size_t run = 0;
  std::size_t passed = 0;
  Zone zone;
  for (const Words& line : read_suite(name)) {
    if (line[0] == "scenario") zone = {};
    if (line[0] == "zone") zone.add(line);
    if (line[0] != "test") continue;
    const std::string found = fault(line, zone, known_at_once);
    ++run;
    passed += found.empty() ? 1 : 0;
    EXPECT_EQ(found, "") << name << ": " << line[1];
  }
  std::printf("%s: %zu of %zu passed\n", name.c_str(), passed, run);
  return passed;
}

bool suites_are_there() { return std::getenv("POSTERN_SOURCE_DIR") != nullptr; }

TEST(SpfConformance, Rfc7208Suite) {
  if (!suites_are_there()) GTEST_SKIP() << "POSTERN_SOURCE_DIR is not set (ctest sets it)";
  EXPECT_EQ(passed_of("rfc7208-tests.txt", false), 203U);
  EXPECT_EQ(passed_of("rfc7208-tests.txt", true), 203U) << "with every answer known at once";
}

// No case of the older suite contradicts RFC 7208: where the two differ it allows either result.
TEST(SpfConformance, Rfc4408Suite) {
  if (!suites_are_there()) GTEST_SKIP() << "POSTERN_SOURCE_DIR is not set (ctest sets it)";
  EXPECT_EQ(passed_of("rfc4408-tests.txt", false), 191U);
}

}  // namespace
}  // namespace postern::spf
