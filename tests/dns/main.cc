// Asks the resolver and says what it answered:
//
//   dns_ask RESOLV_CONF [server=ADDRESS:PORT] ... [timeout_ms=N] [attempts=N] [trusted=ADDRESS] QUESTION ...
//
// RESOLV_CONF is a file; servers named replace its own. A question is TYPE:NAME, asked together with the others, or TYPE:NAME!
// asked when all before it are answered, or names:ADDRESS for look_up_host_names(). One line each on standard output, in order,
// as JSON.
#include <sysexits.h>

#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>

#include "engine/coro/gate.h"
#include "net/dns/ares_resolver.h"
#include "net/dns/host_names.h"
#include "net/transport/runtime.h"
#include "net/transport/uring_connector.h"
#include "net/transport/uring_datagram.h"

namespace postern::dns {
namespace {

using Json = nlohmann::ordered_json;

struct Plan {
  ResolverSettings settings;
  std::vector<std::string> questions;
};

constexpr std::array kTypes{Type::a,  Type::ns,  Type::cname, Type::soa, Type::ptr,
                            Type::mx, Type::txt, Type::aaaa,  Type::srv, Type::tlsa};

struct DataText {
  std::string operator()(const Address& data) const { return data.address.to_string(); }
  std::string operator()(const HostName& data) const { return std::string(data.name.view()); }
  std::string operator()(const MailExchanger& data) const {
    return std::to_string(data.preference) + " " + std::string(data.exchange.view());
  }
  std::string operator()(const Text& data) const { return printable(data.joined()); }
  std::string operator()(const Service& data) const {
    return std::to_string(data.port) + " " + std::string(data.target.view());
  }
  std::string operator()(const TlsAssociation& data) const { return std::to_string(data.data.size()) + " bytes"; }
  std::string operator()(const Authority& data) const { return std::string(data.primary.view()); }
};

Json describe_answer(const Answer& answer) {
  Json records = Json::array();
  for (const Record& record : answer.records) records.push_back(std::visit(DataText{}, record.data));
  return {{"status", to_string(answer.status)},
          {"authenticated", answer.authenticated},
          {"from_cache", answer.from_cache},
          {"name", answer.name.view()},
          {"aliases", answer.aliases.size()},
          {"records", records},
          {"why", answer.why}};
}

Task<void> ask(AresResolver& resolver, std::string question, Json& result) {
  const std::size_t colon = std::min(question.find(':'), question.size() - 1);
  const std::string kind = question.substr(0, colon);
  const std::string name = question.substr(colon + 1);
  if (kind == "names") {
    const HostNames names = co_await look_up_host_names(resolver, IpAddress::parse(name).value_or(IpAddress{}), {});
    result = {{"result", static_cast<int>(names.result)},
              {"name", names.name.view()},
              {"authenticated", names.authenticated},
              {"why", names.why}};
    co_return;
  }
  for (const Type type : kTypes)
    if (to_string(type) == kind) result = describe_answer(co_await resolver.query(name, type, {}));
}

Task<void> run(transport::Runtime& runtime, AresResolver& resolver, Plan& plan) {
  std::deque<Json> results;
  Gate gate;
  for (std::string& question : plan.questions) {
    if (question.ends_with('!')) {
      question.pop_back();
      co_await gate.wait_empty();
    }
    gate.start(ask(resolver, question, results.emplace_back()));
  }
  co_await gate.close();
  for (const Json& result : results) std::printf("%s\n", result.dump().c_str());
  const ResolverStats& stats = resolver.stats();
  const Json figures{{"sent", stats.sent.get()},
                     {"over_stream", stats.over_stream.get()},
                     {"timeouts", stats.timeouts.get()},
                     {"from_cache", stats.from_cache.get()},
                     {"enters", runtime.ring().stats().enters.get()}};
  std::printf("%s\n", figures.dump().c_str());
  co_await resolver.close();
}

bool read_word(std::string_view word, Plan& plan, bool& servers_named) {
  const std::size_t equals = word.find('=');
  const std::string_view name = word.substr(0, std::min(equals, word.size()));
  const std::string value(equals == std::string_view::npos ? "" : word.substr(equals + 1));
  if (name == "server") {
    const auto server = parse_server(value);
    if (!server) return false;
    if (!std::exchange(servers_named, true)) plan.settings.servers.clear();
    plan.settings.servers.push_back(*server);
  } else if (name == "timeout_ms") {
    plan.settings.timeout_ms = std::stol(value);
  } else if (name == "attempts") {
    plan.settings.attempts = static_cast<std::uint32_t>(std::stoul(value));
  } else if (name == "trusted") {
    plan.settings.dnssec_trusted.push_back(IpAddress::parse(value).value());
  } else {
    plan.questions.emplace_back(word);
  }
  return true;
}

int main_of(std::span<char*> arguments) {
  if (arguments.size() < 3) return EX_USAGE;
  auto settings = read_resolv_conf(arguments[1]);
  if (!settings) return EX_NOINPUT;
  Plan plan{std::move(*settings), {}};
  bool servers_named = false;
  for (const char* word : arguments.subspan(2))
    if (!read_word(word, plan, servers_named)) return EX_USAGE;
  auto runtime = transport::Runtime::create({.connections_max = 64, .small_buffers = 64, .large_buffers = 64});
  if (!runtime) return EX_UNAVAILABLE;
  auto datagrams = transport::UringDatagrams::create((*runtime)->ring());
  if (!datagrams) return EX_UNAVAILABLE;
  transport::UringConnector connector((*runtime)->streams());
  SystemRandom random;
  AresResolver resolver({**datagrams, connector, (*runtime)->blocks(), random}, plan.settings);
  (*runtime)->loop().run(run(**runtime, resolver, plan));
  return EX_OK;
}

}  // namespace
}  // namespace postern::dns

int main(int count, char** arguments) { return postern::dns::main_of({arguments, static_cast<std::size_t>(count)}); }
