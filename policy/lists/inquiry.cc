#include "policy/lists/inquiry.h"

#include <type_traits>
#include <utility>

#include "engine/base/check.h"

namespace postern::lists {

namespace {

constexpr std::string_view kTooMany = "the list asks too many questions";
constexpr std::string_view kNoServices = "lookups and files cannot be used here";
constexpr std::string_view kNoVariables = "lists with variables cannot be used here";

}  // namespace

expand::Services* Inquiry::services() const noexcept {
  const expand::EvalContext* const context = facts_.context();
  return context == nullptr ? nullptr : context->services();
}

template <class T>
const T* Inquiry::known() {
  if (next_ == answers_.size()) return nullptr;
  const T* const answer = std::get_if<T>(&answers_[next_++]);
  POSTERN_CHECK(answer != nullptr);  // the same list asks the same questions
  return answer;
}

template <class T>
const T* Inquiry::keep(T answer) {
  ++next_;
  return &std::get<T>(answers_.emplace_back(std::move(answer)));
}

template <class T>
const T* Inquiry::keep_or_open(std::optional<T> answer, Question question) {
  if (answer) return keep(*std::move(answer));
  open_ = std::move(question);
  return nullptr;
}

const expand::Answer* Inquiry::lookup(expand::LookupHandle handle, std::string_view file, std::string_view key) {
  if (const auto* answer = known<expand::Answer>()) return answer;
  expand::Services* const services = this->services();
  if (is_full() || services == nullptr) return keep(expand::Answer::deferred(std::string(is_full() ? kTooMany : kNoServices)));
  return keep_or_open(services->lookup_now({.lookup = handle, .key = key, .file = file}),
                      LookupQuestion{handle, std::string(file), std::string(key)});
}

const expand::Answer* Inquiry::file(std::string_view path) {
  if (const auto* answer = known<expand::Answer>()) return answer;
  expand::Services* const services = this->services();
  if (is_full() || services == nullptr) return keep(expand::Answer::deferred(std::string(is_full() ? kTooMany : kNoServices)));
  return keep_or_open(services->file_now({.path = path, .bytes_max = kFileAtUseBytesMax}), FileQuestion{std::string(path)});
}

const Inquiry::Expanded* Inquiry::expanded(const expand::Program& program) {
  if (const auto* answer = known<Expanded>()) return answer;
  const expand::EvalContext* const context = facts_.context();
  if (is_full() || context == nullptr) {
    const std::string_view why = is_full() ? kTooMany : kNoVariables;
    return keep(Expanded{{.status = expand::EvalStatus::deferred, .why = std::string(why)}, {}});
  }
  if (program.may_wait()) return keep_or_open<Expanded>({}, ExpansionQuestion{&program});
  Expanded done;
  done.result = evaluate(program, *context, done.text);
  return keep(std::move(done));
}

const dns::HostNames* Inquiry::host_names() {
  if (const auto* answer = known<dns::HostNames>()) return answer;
  return keep_or_open(facts_.host_names_now(), NamesQuestion{});
}

const HostAddresses* Inquiry::addresses(std::string_view host) {
  if (const auto* answer = known<HostAddresses>()) return answer;
  if (is_full()) return keep(HostAddresses{.status = HostAddresses::Status::deferred, .why = std::string(kTooMany)});
  return keep_or_open(facts_.addresses_now(host), AddressesQuestion{std::string(host)});
}

const MailExchangers* Inquiry::mail_exchangers(std::string_view domain) {
  if (const auto* answer = known<MailExchangers>()) return answer;
  if (is_full()) return keep(MailExchangers{.status = MailExchangers::Status::deferred, .why = std::string(kTooMany)});
  return keep_or_open(facts_.mail_exchangers_now(domain), ExchangersQuestion{std::string(domain)});
}

Task<Inquiry::Answer> Inquiry::ask(const Question& question) {
  if (const auto* lookup = std::get_if<LookupQuestion>(&question))
    co_return co_await services()->lookup({.lookup = lookup->handle, .key = lookup->key, .file = lookup->file});
  if (const auto* file = std::get_if<FileQuestion>(&question))
    co_return co_await services()->file({.path = file->path, .bytes_max = kFileAtUseBytesMax});
  if (const auto* expansion = std::get_if<ExpansionQuestion>(&question)) {
    Expanded done;
    done.result = co_await evaluate_waiting(*expansion->program, *facts_.context(), done.text);
    co_return std::move(done);
  }
  if (const auto* addresses = std::get_if<AddressesQuestion>(&question)) co_return co_await facts_.addresses(addresses->host);
  if (const auto* exchangers = std::get_if<ExchangersQuestion>(&question))
    co_return co_await facts_.mail_exchangers(exchangers->domain);
  co_return co_await facts_.host_names();
}

Task<void> Inquiry::wait() {
  POSTERN_CHECK(open_.has_value());
  Answer answer = co_await ask(*open_);
  answers_.push_back(std::move(answer));
  open_.reset();
  next_ = 0;
}

}  // namespace postern::lists
