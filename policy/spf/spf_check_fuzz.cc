// A small DNS of any records, and a check against it: within its bounds, and with the same result whether answers are known at
// once or come one after the other.
//
//   CLIENT SENDER HELO       the first line
//   NAME TYPE DATA           the others; T text, A address, M exchanger, P name (of the client), F a type whose question fails
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/coro/manual_scheduler.h"
#include "net/dns/names.h"
#include "policy/spf/macro.h"
#include "policy/spf/record.h"
#include "policy/spf/spf.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace {

using namespace postern;

constexpr std::size_t kLinesMax = 64;
constexpr std::int64_t kDelayMs = 1;

std::string_view take(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

dns::Type type_of(std::string_view data) {
  switch (data.empty() ? 'T' : data.front()) {
    case 'A': return dns::Type::a;
    case '6': return dns::Type::aaaa;
    case 'M': return dns::Type::mx;
    case 'P': return dns::Type::ptr;
    default: return dns::Type::txt;
  }
}

void add_line(dns::FakeResolver& resolver, std::string_view line, const IpAddress& client) {
  const auto name = spf::name_to_ask(take(line, ' '));
  const std::string_view type = take(line, ' ');
  const auto other = spf::name_to_ask(line);
  if (!name) return;
  if (type == "T") resolver.add_text(*name, line);
  if (type == "F") resolver.fail(*name, type_of(line));
  if (type == "A" && IpAddress::parse(line)) resolver.add_address(*name, line);
  if (type == "M" && other) resolver.add_mx(*name, 1, *other);
  if (type == "P") resolver.add(dns::reverse_name(client), dns::Type::ptr, dns::HostName{PeerText(*name)});
}

spf::Outcome outcome_of(std::string_view text, bool known_at_once, std::size_t& asked) {
  std::string_view first = take(text, '\n');
  spf::Question question{.client = IpAddress::parse(take(first, ' ')).value_or(IpAddress::v4(0x01020304)),
                         .sender = PeerText(take(first, ' ')),
                         .helo = PeerText(first),
                         .receiver = "here.example",
                         .guess = std::string(spf::kGuessRecord)};
  ManualScheduler scheduler;
  dns::FakeResolver resolver;
  resolver.know_at_once(known_at_once);
  for (std::size_t i = 0; i < kLinesMax && !text.empty(); ++i) {
    std::string_view line = take(text, '\n');
    std::string_view rest = line;
    if (const auto name = spf::name_to_ask(take(rest, ' ')); name && !known_at_once)
      for (const dns::Type type : {dns::Type::a, dns::Type::txt, dns::Type::mx}) resolver.delay(*name, type, kDelayMs);
    add_line(resolver, line, question.client);
  }
  spf::Outcome outcome = testing::run_task(scheduler, spf::check(std::move(question), resolver, {}), known_at_once ? 0 : 400);
  asked = resolver.asked.size();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t asked = 0;
  const spf::Outcome at_once = outcome_of(text, true, asked);
  const spf::Outcome later = outcome_of(text, false, asked);
  POSTERN_CHECK(at_once.result == later.result && at_once.received == later.received);
  POSTERN_CHECK(at_once.explanation == later.explanation && at_once.void_lookups == later.void_lookups);
  POSTERN_CHECK(later.terms <= spf::kTermsMax && later.received.size() <= spf::kFieldBytesMax);
  // The record, the terms, as many ahead, the exchangers of ten mx, the names of the client, and an explanation.
  POSTERN_CHECK(asked <= 1 + 2 * spf::kTermsMax + spf::kTermsMax * spf::kExchangersMax + 1 + spf::kClientNamesMax + 1);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  POSTERN_CHECK(std::ranges::none_of(later.received.view(), is_control));
  POSTERN_CHECK(later.problem.empty() == (later.result != spf::Result::temperror && later.result != spf::Result::permerror));
  return 0;
}
