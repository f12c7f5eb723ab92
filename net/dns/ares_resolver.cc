#include "net/dns/ares_resolver.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "net/dns/names.h"
#include "net/dns/stream_query.h"

namespace postern::dns {
namespace {

Answer failed(std::string_view name, std::string why) {
  return {.status = Status::temporary_failure, .name = PeerText(name), .why = std::move(why)};
}

bool says_something(const Reply& reply) { return reply.answer.status != Status::temporary_failure; }

std::uint32_t count_dots(std::string_view name) { return static_cast<std::uint32_t>(std::ranges::count(name, '.')); }

std::string seconds(std::int64_t ms) { return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms"; }

// Equal for equal questions: case of the name does not matter (RFC 4343), nor a dot at its end.
std::string question_key(std::string_view name, Type type, bool dnssec) {
  std::string key = lower_case(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
  key += '\0';
  key += std::to_string(std::to_underlying(type));
  if (dnssec) key += '+';
  return key;
}

}  // namespace

AresResolver::AresResolver(Network network, ResolverSettings settings, const CacheLimits& cache)
    : network_(network), settings_(std::move(settings)), cache_(cache) {
  for (const SocketAddress& address : settings_.servers) {
    auto server = std::make_unique<Server>();
    server->ports = std::make_unique<ServerPorts>(network.datagrams, network.random, address, settings_.timeout_ms);
    server->trusted = settings_.trust_ad || address.address.is_loopback() ||
                      std::ranges::find(settings_.dnssec_trusted, address.address) != settings_.dnssec_trusted.end();
    server->edns = settings_.edns;
    servers_.push_back(std::move(server));
  }
}

AresResolver::~AresResolver() { POSTERN_CHECK(servers_.empty()); }

Task<void> AresResolver::close() {
  for (const auto& [key, shared] : asking_) shared->asking().request_stop();
  co_await askers_.close();
  for (const auto& server : servers_) co_await server->ports->close();
  servers_.clear();
}

const Answer* AresResolver::cached(std::string_view name, Type type) {
  const Answer* known = cache_.find(name, type, false, Scheduler::current().now());
  if (known == nullptr) return nullptr;
  stats_.questions.add();
  stats_.from_cache.add();
  return known;
}

// resolv.conf(5): a name with fewer than ndots dots is tried with the endings first; one with a dot at its end as it stands
// only.
std::vector<std::string> AresResolver::candidates(std::string name, bool search) const {
  std::vector<std::string> names;
  if (!search || settings_.search.empty() || name.ends_with('.')) {
    names.push_back(std::move(name));
    return names;
  }
  const bool first_as_it_stands = count_dots(name) >= settings_.dots_min;
  if (first_as_it_stands) names.push_back(name);
  for (const std::string& ending : settings_.search) names.push_back(name + "." + ending);
  if (!first_as_it_stands) names.push_back(std::move(name));
  return names;
}

Task<Answer> AresResolver::query(std::string name, Type type, QueryOptions options) {
  stats_.questions.add();
  options.dnssec = options.dnssec || settings_.always_dnssec;
  const Instant bound = Scheduler::current().now().plus_ms(kQueryMsMax);
  options.wait.deadline = std::min(options.wait.deadline, bound);
  std::vector<std::string> names = candidates(std::move(name), options.search);
  Answer absent;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Answer answer = co_await query_exact(std::move(names[i]), type, options);
    if (!answer.absent()) co_return answer;
    // A name that exists without such records is worth more than one that does not.
    if (i == 0 || (absent.status == Status::nxdomain && answer.status == Status::no_data)) absent = std::move(answer);
  }
  co_return absent;
}

Task<Answer> AresResolver::query_exact(std::string name, Type type, QueryOptions options) {
  const Instant now = Scheduler::current().now();
  if (const Answer* known = cache_.find(name, type, options.dnssec, now)) {
    stats_.from_cache.add();
    if (known->stale) stats_.stale.add();
    co_return *known;
  }
  std::optional<std::string> wire = name_to_wire(name);
  if (!wire) co_return Answer{.status = Status::nxdomain, .name = PeerText(std::move(name))};
  const Shared shared = shared_question(name, std::move(*wire), type, options.dnssec);
  if (shared == nullptr) co_return conclude(name, type, options, failed(name, "too many questions at once"));
  if (cache_.has_stand_in(name, type, options.dnssec, now)) {
    const Instant patience = std::min(options.wait.deadline, now.plus_ms(settings_.stale_after_ms));
    shared->want_later();
    (void)co_await shared->join({patience, options.wait.stop});
  } else {
    (void)co_await shared->join(options.wait);
  }
  co_return conclude(name, type, options, shared->has_answer() ? shared->answer() : failed(name, "no answer in time"));
}

AresResolver::Shared AresResolver::shared_question(const std::string& name, std::string wire, Type type, bool dnssec) {
  std::string key = question_key(name, type, dnssec);
  const auto found = asking_.find(key);
  const bool is_being_asked = found != asking_.end() && !found->second->asking().stop_requested();
  if (is_being_asked) {
    stats_.joined.add();
    return found->second;
  }
  if (asking_.size() >= kQuestionsMax) return nullptr;
  auto shared = std::make_shared<SharedQuestion>();
  asking_.insert_or_assign(std::move(key), shared);
  askers_.start(ask_for_all(shared, name, {std::move(wire), type}, dnssec));
  return shared;
}

Task<void> AresResolver::ask_for_all(Shared shared, std::string name, Question question, bool dnssec) {
  const Type type = question.type;
  const Wait wait{Scheduler::current().now().plus_ms(kQueryMsMax), &shared->asking()};
  Answer answer = co_await ask_servers(std::move(question), {.wait = wait, .dnssec = dnssec});
  // Whoever asks from now on finds it in the cache, or has it asked again.
  if (const auto found = asking_.find(question_key(name, type, dnssec)); found != asking_.end() && found->second == shared)
    asking_.erase(found);
  cache_.keep(name, type, dnssec, answer, Scheduler::current().now());
  shared->conclude(std::move(answer));
}

// What becomes of it for one who asked.
Answer AresResolver::conclude(const std::string& name, Type type, const QueryOptions& options, Answer answer) {
  if (answer.status != Status::temporary_failure) return answer;
  answer.name = PeerText(name);
  const bool given_up = options.wait.stop != nullptr && options.wait.stop->stop_requested();
  if (given_up) return answer;
  if (const Answer* known = cache_.stand_in(name, type, options.dnssec, Scheduler::current().now())) {
    stats_.stale.add();
    return *known;
  }
  stats_.failures.add();
  if (settings_.again_means_nonexist && settings_.again_means_nonexist(name)) {
    answer.status = Status::nxdomain;
    answer.authenticated = false;
  }
  return answer;
}

std::vector<AresResolver::Server*> AresResolver::in_order() {
  std::vector<Server*> order;
  const Instant now = Scheduler::current().now();
  for (const bool avoided : {false, true})
    for (const auto& server : servers_)
      if ((server->avoid_until > now) == avoided) order.push_back(server.get());
  return order;
}

Task<Answer> AresResolver::ask_servers(Question question, QueryOptions options) {
  Answer last = failed("", "no DNS server");
  const std::vector<Server*> order = in_order();
  for (std::uint32_t round = 0; round < settings_.attempts; ++round) {
    bool silence = false;
    for (Server* server : order) {
      Reaction reaction = co_await ask(*server, question, options.dnssec, options.wait);
      const std::string who = server->ports->server().to_string();
      if (reaction.reply && says_something(*reaction.reply)) {
        server->avoid_until = Instant{0};
        reaction.reply->answer.authenticated = reaction.reply->authentic_data && server->trusted;
        co_return std::move(reaction.reply->answer);
      }
      const Instant now = Scheduler::current().now();
      if (reaction.reply) {
        last = failed("", reaction.reply->answer.why + " from " + who);
      } else if (reaction.error.code == Errc::timed_out && now < options.wait.deadline) {
        silence = true;
        server->avoid_until = now.plus_ms(kAvoidMs);
        last = failed("", "no answer from " + who + " in " + seconds(settings_.timeout_ms));
      } else {
        last = failed("", describe(reaction.error) + " (" + who + ")");
      }
      if (now >= options.wait.deadline || reaction.error.code == Errc::stopped) co_return last;
    }
    // Servers that did answer would say the same again.
    if (!silence) break;
  }
  co_return last;
}

Task<AresResolver::Reaction> AresResolver::ask(Server& server, Question question, bool dnssec, Wait wait) {
  const QueryForm form{.edns = server.edns, .dnssec = server.edns && dnssec};
  Reaction reaction = co_await ask_once(server, question, form, wait);
  // RFC 6891 section 7: a server that does not know OPT says so, without one.
  const bool not_understood =
      reaction.reply && form.edns && !reaction.reply->edns &&
      (reaction.reply->code == ResponseCode::format_error || reaction.reply->code == ResponseCode::not_implemented);
  if (!not_understood) co_return reaction;
  co_return co_await ask_once(server, std::move(question), {.edns = false}, wait);
}

Task<AresResolver::Reaction> AresResolver::ask_once(Server& server, Question question, QueryForm form, Wait wait) {
  stats_.sent.add();
  Result<std::string> bytes = co_await server.ports->ask(make_query(0, question, form), wait);
  if (!bytes) {
    if (bytes.error().code == Errc::timed_out) stats_.timeouts.add();
    co_return Reaction{.error = bytes.error()};
  }
  const std::optional<ReplyHead> head = read_reply_head(*bytes);
  std::optional<Reply> reply = head ? read_reply(*bytes, head->id, question) : std::nullopt;
  if (!reply) co_return Reaction{.error = {Errc::bad_format, 0, "read DNS reply"}};
  if (reply->truncated) co_return co_await ask_over_connection(server, std::move(question), form, wait);
  co_return Reaction{std::move(reply), {Errc::bad_format}};
}

Task<AresResolver::Reaction> AresResolver::ask_over_connection(Server& server, Question question, QueryForm form, Wait wait) {
  wait.deadline = std::min(wait.deadline, Scheduler::current().now().plus_ms(settings_.timeout_ms));
  if (auto unit = co_await streams_.acquire(wait); !unit) co_return Reaction{.error = unit.error()};
  stats_.over_stream.add();
  const auto id = static_cast<std::uint16_t>(network_.random.next());
  const Result<std::string> bytes = co_await ask_over_stream(network_.connector, network_.blocks, server.ports->server(),
                                                             make_query(id, question, form), wait);
  streams_.release();
  if (!bytes) {
    if (bytes.error().code == Errc::timed_out) stats_.timeouts.add();
    co_return Reaction{.error = bytes.error()};
  }
  std::optional<Reply> reply = read_reply(*bytes, id, question);
  if (!reply) co_return Reaction{.error = {Errc::bad_format, 0, "read DNS reply"}};
  co_return Reaction{std::move(reply), {Errc::bad_format}};
}

}  // namespace postern::dns
