#include "appliance/language/asker.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "appliance/language/files.h"
#include "appliance/language/read_socket.h"
#include "appliance/language/run_program.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"
#include "policy/lists/compile.h"
#include "policy/lists/host_questions.h"
#include "policy/lists/list.h"
#include "policy/lists/named_text.h"
#include "policy/lookup/pooled.h"
#include "policy/lookup/services.h"

namespace postern::language {

namespace {

using expand::Answer;
using lists::Match;

constexpr std::int64_t kSlackMs = 5'000;  // that a program may wait for its turn
constexpr std::int64_t kFileMs = 30'000;  // of one file that an expansion reads

Answer answer_of(Match match, std::string_view subject) {
  switch (match.truth) {
    case lists::Truth::no: return Answer::not_found();
    case lists::Truth::defer: return Answer::deferred(std::move(match.why));
    case lists::Truth::yes: break;
  }
  Answer answer = Answer::found(std::move(match.data), match.bytes);
  for (unsigned n = 0; n < match.captures.count; ++n) answer.captures.push_back(match.capture(n, subject));
  return answer;
}

// The list a question is about: one that was compiled, or its text. With match_ip the subject is an address, or nothing.
std::expected<config::ExpansionList, std::string> list_of(const expand::ListQuestion& question, ShardLanguage& language) {
  if (question.list != expand::kListText) {
    const auto& known = language.language().expansion_lists;
    if (question.list < known.size()) return known[question.list];
    return std::unexpected("a list that nobody has compiled");
  }
  const lists::ListWorld& world = *language.language().lists;
  using enum expand::ListKind;
  switch (question.kind) {
    case domain: return lists::DomainList::at_use(question.text, world, &language);
    case ip: return lists::HostList::at_use(question.text, world, &language);
    case address: return lists::AddressList::at_use(question.text, world, &language);
    case local_part: break;
  }
  return lists::LocalPartList::at_use(question.text, world, &language);
}

std::optional<Answer> bad_subject(const expand::ListQuestion& question) {
  if (question.kind != expand::ListKind::ip || question.subject.empty() || IpAddress::parse(question.subject)) return {};
  return Answer::failed("\"" + printable(question.subject, 64) + "\" is not an IP address");
}

Wait no_later_than(const Wait& wait, std::int64_t ms) {
  return {std::min(wait.deadline, Scheduler::current().now().plus_ms(ms)), wait.stop};
}

}  // namespace

void Asker::forget_message() noexcept {
  if (results_) results_->clear();
  srs_recipient_.clear();
  socket_answers_.clear();
}

void Asker::forget_deferred_names() noexcept {
  if (names_ && names_->result == dns::HostNames::Result::deferred) names_.reset();
}

lookup::ResultCache& Asker::results() {
  if (!results_) results_ = std::make_unique<lookup::ResultCache>();
  return *results_;
}

std::optional<Answer> Asker::lookup_now(const expand::LookupQuestion& question) {
  return lookup::lookup_now(language_.lookups(), question, &results());
}

Task<Answer> Asker::lookup(expand::LookupQuestion question) {
  co_return co_await lookup::lookup(language_.lookups(), question, wait(), &results());
}

std::optional<Answer> Asker::match_now(const expand::ListQuestion& question) {
  if (auto bad = bad_subject(question)) return bad;
  const auto list = list_of(question, language_);
  if (!list) return Answer::failed(list.error());
  std::optional<Match> match = std::visit(
      [&]<class List>(const List& each) {
        if constexpr (std::is_same_v<List, lists::HostList>)
          return each.match_ip_now(IpAddress::parse(question.subject), *this);
        else
          return each.match_now(question.subject, *this);
      },
      *list);
  return match ? std::optional(answer_of(*std::move(match), question.subject)) : std::nullopt;
}

Task<Answer> Asker::match(expand::ListQuestion question) {
  auto list = list_of(question, language_);
  if (!list) co_return Answer::failed(list.error());
  Match match;
  if (const auto* const hosts = std::get_if<lists::HostList>(&*list))
    match = co_await hosts->match_ip(IpAddress::parse(question.subject), *this);
  else if (const auto* const domains = std::get_if<lists::DomainList>(&*list))
    match = co_await domains->match(std::string(question.subject), *this);
  else if (const auto* const addresses = std::get_if<lists::AddressList>(&*list))
    match = co_await addresses->match(std::string(question.subject), *this);
  else
    match = co_await std::get<lists::LocalPartList>(*list).match(std::string(question.subject), *this);
  co_return answer_of(std::move(match), question.subject);
}

std::optional<Answer> Asker::file_now(const expand::FileQuestion& question) {
  if (language_.needs().offload != nullptr) return std::nullopt;
  return read_file({question.kind, std::string(question.path), question.bytes_max});
}

Task<Answer> Asker::file(expand::FileQuestion question) {
  const ToRead file{question.kind, std::string(question.path), question.bytes_max};
  auto work = [file]() { return read_file(file); };
  std::optional<Answer> answer =
      co_await lookup::pooled(language_.needs().offload, language_.gate(), std::move(work), no_later_than(wait(), kFileMs));
  if (!answer) co_return Answer::deferred("reading " + file.path + " takes too long");
  co_return *std::move(answer);
}

// A host that has no name, or whose name cannot be found now, has an empty one.
std::optional<Answer> Asker::fetch_now(expand::VariableId id) {
  if (id != expand::VariableId::sender_host_name) return Answer::not_found();
  const std::optional<dns::HostNames> names = host_names_now();
  if (!names) return std::nullopt;
  return Answer::found(std::string(names->name.view()), expand::Bytes::peers);
}

Task<Answer> Asker::fetch(expand::VariableId id) {
  if (id != expand::VariableId::sender_host_name) co_return Answer::not_found();
  const dns::HostNames names = co_await host_names();
  co_return Answer::found(std::string(names.name.view()), expand::Bytes::peers);
}

Task<Answer> Asker::read_socket(expand::ReadSocketQuestion question) {
  if (question.cache)
    if (auto known = socket_answers_.find(question.address, question.request))
      co_return Answer::found(*std::move(known), expand::Bytes::peers);
  const bool keeps = question.cache;
  const std::string address(question.address);
  const std::string request(question.request);
  if (!keeps) socket_answers_.forget(address);
  Answer answer = co_await language::read_socket(language_, question, wait());
  if (keeps && answer.status == Answer::Status::found) socket_answers_.keep(address, request, answer.value);
  co_return answer;
}

std::optional<dns::HostNames> Asker::host_names_now() {
  if (names_) return *names_;
  if (!client()) return dns::HostNames{};
  if (language_.needs().resolver == nullptr) return ListFacts::host_names_now();
  return std::nullopt;
}

Task<dns::HostNames> Asker::host_names() {
  if (auto known = host_names_now()) co_return *std::move(known);
  dns::HostNames names = co_await dns::look_up_host_names(*language_.needs().resolver, *client(), {.wait = wait()});
  names_ = std::make_unique<dns::HostNames>(std::move(names));
  names_found(*names_);
  co_return *names_;
}

// The program is killed when nobody waits for it any more.
Task<Answer> Asker::run(expand::RunQuestion question) {
  const ShardNeeds& needs = language_.needs();
  auto job = std::make_shared<ProgramJob>();
  job->arguments.assign(question.arguments.begin(), question.arguments.end());
  if (!language_.language().allows_run) co_return Answer::failed("run is not permitted");
  for (const auto& [name, value] : language_.language().environment) job->environment.push_back(name + "=" + value);
  if (!job->arguments.front().starts_with('/')) co_return Answer::failed("the name of a program in run must be absolute");
  const bool is_peers = question.peers_arguments;
  auto work = [job]() { return job->run(); };
  std::optional<Answer> answer =
      co_await lookup::pooled(needs.programs, language_.gate(), std::move(work), no_later_than(wait(), kProgramMs + kSlackMs));
  if (!answer) {
    job->given_up = true;
    co_return Answer::deferred("run: too many programs run, or nobody waits for this one any more");
  }
  if (is_peers) answer->bytes = expand::Bytes::peers;
  co_return *std::move(answer);
}

namespace {

// RFC 8601 section 2.7.3.
auth_results::Iprev iprev_of(const dns::HostNames& names) {
  using enum dns::HostNames::Result;
  switch (names.result) {
    case confirmed: return {.result = auth_results::Result::pass, .host = names.name};
    case deferred: return {.result = auth_results::Result::temperror, .host = {}};
    case none: break;
  }
  return {.result = auth_results::Result::fail, .host = {}};
}

}  // namespace

Answer Asker::named_list(char kind, std::string_view name) {
  const auto wanted = kind == 'd'   ? std::optional(lists::ListKind::domain)
                      : kind == 'h' ? std::optional(lists::ListKind::host)
                      : kind == 'a' ? std::optional(lists::ListKind::address)
                      : kind == 'l' ? std::optional(lists::ListKind::local_part)
                                    : std::nullopt;
  auto text = lists::named_text(*language_.language().lists, wanted, name);
  return text ? Answer::found(*std::move(text)) : Answer::failed(text.error());
}

// Names count once they were looked up; they are not looked up for this.
std::string Asker::auth_results(std::string_view id) const {
  auth_results::Checks found = found_by_checks();
  if (const std::optional<IpAddress> address = client()) found.client_address = address->to_string();
  if (const dns::HostNames* const names = known_names()) found.iprev = iprev_of(*names);
  return auth_results::write(id, found);
}

std::optional<std::string> Asker::environment(std::string_view name) {
  const config::Environment& environment = language_.language().environment;
  const auto found = environment.find(name);
  return found != environment.end() ? std::optional(found->second) : std::nullopt;
}

std::optional<lists::HostAddresses> Asker::addresses_now(std::string_view host) {
  if (language_.needs().resolver == nullptr) return ListFacts::addresses_now(host);
  return std::nullopt;
}

Task<lists::HostAddresses> Asker::addresses(std::string host) {
  return lists::look_up_addresses(*language_.needs().resolver, std::move(host), {.wait = wait()});
}

std::optional<lists::MailExchangers> Asker::mail_exchangers_now(std::string_view domain) {
  if (language_.needs().resolver == nullptr) return ListFacts::mail_exchangers_now(domain);
  return std::nullopt;
}

Task<lists::MailExchangers> Asker::mail_exchangers(std::string domain) {
  return lists::look_up_mail_exchangers(*language_.needs().resolver, std::move(domain), {.wait = wait()});
}

}  // namespace postern::language
