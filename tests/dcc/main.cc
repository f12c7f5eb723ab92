// Tells dccifd a message and says what it answered:
//
//   dcc_ask ADDRESS [options=WORDS] [client=ADDRESS] [name=NAME] [helo=NAME] [sender=ADDRESS] [recipient=ADDRESS] ...
//           [deadline_ms=N] [times=N] [slice=N]
//
// ADDRESS is as in dccifd_address. The message is read from standard input, and told in slices of that many bytes; `times`
// checks run at the same time. One line each on standard output, as JSON.
#include <sysexits.h>

#include <cstdio>
#include <deque>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/coro/gate.h"
#include "engine/coro/scheduler.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "policy/dcc/dcc.h"

namespace postern::dcc {
namespace {

using Json = nlohmann::ordered_json;

struct Plan {
  Request request;
  std::string header;
  std::string body;
  std::size_t slice_bytes = 16'384;
  std::int64_t deadline_ms = 20'000;
  std::size_t times = 1;
};

std::string_view word_of(Status status) {
  switch (status) {
    case Status::accept: return "accept";
    case Status::reject: return "reject";
    case Status::defer: return "defer";
    case Status::failed: break;
  }
  return "failed";
}

Task<void> ask(transport::Runtime& runtime, Client& client, const Plan& plan, Json& into) {
  const std::unique_ptr<Check> check = client.start(plan.request, PeerView(plan.header));
  const Wait wait{Scheduler::current().now().plus_ms(plan.deadline_ms), nullptr};
  std::size_t pauses = 0;
  for (std::string_view rest = plan.body; !rest.empty(); rest.remove_prefix(std::min(plan.slice_bytes, rest.size()))) {
    if (check->feed(copy_to_slice(runtime.blocks(), rest.substr(0, plan.slice_bytes)))) continue;
    ++pauses;
    co_await check->room(wait);
    if (Scheduler::current().now() >= wait.deadline) break;
  }
  const Result result = co_await check->finish(wait);
  into = {{"status", word_of(result.status)},
          {"letter", result.letter},
          {"header", printable(result.header)},
          {"recipients", result.recipients},
          {"text", std::string(result.text)},
          {"log", result.log},
          {"pauses", pauses}};
}

Task<void> run(transport::Runtime& runtime, Client& client, const Plan& plan) {
  std::deque<Json> results;
  Gate gate;
  for (std::size_t i = 0; i < plan.times; ++i) gate.start(ask(runtime, client, plan, results.emplace_back()));
  co_await gate.close();
  co_await client.close();
  for (const Json& result : results) std::printf("%s\n", result.dump().c_str());
}

bool read_word(std::string_view word, Plan& plan) {
  const std::size_t equals = std::min(word.find('='), word.size() - 1);
  const std::string_view name = word.substr(0, equals);
  const std::string value(word.substr(equals + 1));
  if (name == "options")
    plan.request.options = value;
  else if (name == "client")
    plan.request.client = IpAddress::parse(value);
  else if (name == "name")
    plan.request.client_name = PeerText(value);
  else if (name == "helo")
    plan.request.helo = PeerText(value);
  else if (name == "sender")
    plan.request.sender = PeerText(value);
  else if (name == "recipient")
    plan.request.recipients.emplace_back(value);
  else if (name == "deadline_ms")
    plan.deadline_ms = std::stol(value);
  else if (name == "times")
    plan.times = std::stoul(value);
  else if (name == "slice")
    plan.slice_bytes = std::stoul(value);
  else
    return false;
  return true;
}

int main_of(std::span<char*> arguments) {
  if (arguments.size() < 2) return EX_USAGE;
  const std::expected<DaemonAddress, std::string> address = parse_daemon_address(arguments[1]);
  if (!address) {
    std::fprintf(stderr, "%s\n", address.error().c_str());
    return EX_USAGE;
  }
  Plan plan;
  for (const char* word : arguments.subspan(2))
    if (*word == '\0' || !read_word(word, plan)) return EX_USAGE;
  const std::string message{std::istreambuf_iterator<char>(std::cin), {}};
  const std::size_t end = message.find("\r\n\r\n");
  plan.header = message.substr(0, end == std::string::npos ? end : end + 4);
  plan.body = message.substr(plan.header.size());
  auto runtime = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 64});
  if (!runtime) return EX_UNAVAILABLE;
  transport::UringConnector connector((*runtime)->streams());
  Client client(connector, *address);
  (*runtime)->loop().run(run(**runtime, client, plan));
  return EX_OK;
}

}  // namespace
}  // namespace postern::dcc

int main(int count, char** arguments) { return postern::dcc::main_of({arguments, static_cast<std::size_t>(count)}); }
