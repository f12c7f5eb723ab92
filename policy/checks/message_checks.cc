#include "policy/checks/message_checks.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"
#include "engine/smtp/chars.h"
#include "policy/checks/ascii_address.h"
#include "policy/checks/facts.h"

namespace postern::checks {
namespace {

dmarc::Author author_of(const smtp::HeaderView& headers) {
  std::vector<std::string_view> values;
  headers.for_each([&](const smtp::HeaderField& field) {
    if (smtp::equal_ignoring_case(field.name.view(), "From")) values.push_back(field.value.view());
    return true;
  });
  return dmarc::read_author(values);
}

}  // namespace

using expand::Check;

void MessageChecks::begin(Client client, smtp::CheckScope& scope) {
  client_ = std::move(client);
  scope_ = &scope;
  forget_told();
  spf_.forget();
  spf_guess_.forget();
  dkim_.forget();
  arc_.forget();
  policy_.forget();
  dcc_.forget();
  dcc_check_.reset();
  bodies_.reset();
  verify_dmarc_ = false;
  if (settings_.wanted.has(Check::spf)) start_spf(SpfRecord::own);
}

void MessageChecks::forget_told() noexcept {
  told_spf_ = nullptr;
  told_arc_ = nullptr;
  told_dcc_ = nullptr;
  signature_ = nullptr;
  signer_.clear();
  statuses_.clear();
  signers_ended_ = false;
  dmarc_.reset();
  dmarc_field_.clear();
}

void MessageChecks::header_complete(const smtp::HeaderView& headers, Switches switches) {
  const bool wants_dkim = switches.dkim && settings_.wanted.has(Check::dkim);
  const bool wants_arc = settings_.wanted.has(Check::arc);
  if (wants_dkim || wants_arc) {
    const message::HeaderIndex index(headers);
    bodies_.emplace();
    if (wants_dkim) dkim_.start(shared_, settings_.dkim, settings_.dkim_deadline_ms, index, *bodies_, *scope_);
    if (wants_arc) arc_.start(shared_, settings_.arc, settings_.dkim_deadline_ms, index, *bodies_, *scope_);
  }
  verify_dmarc_ = switches.dmarc && settings_.suffixes != nullptr && settings_.wanted.has(Check::dmarc);
  if (!verify_dmarc_) return;
  const Wait wait{Scheduler::current().now().plus_ms(settings_.dmarc_deadline_ms), &scope_->stop()};
  policy_.start(dmarc::discover(author_of(headers), settings_.suffixes, shared_.resolver, wait), *scope_);
}

bool MessageChecks::body(const Slice& bytes) {
  if (bodies_ && bodies_->wanted()) bodies_->feed(bytes.view());
  return !dcc_check_ || dcc_check_->feed(bytes);
}

Task<void> MessageChecks::room(Wait wait) {
  if (dcc_check_) co_await dcc_check_->room(wait);
}

void MessageChecks::body_ended() {
  if (bodies_) bodies_->finish();
  if (is_dkim_made()) dkim_.body_ended();
  if (arc_.results().started()) arc_.body_ended();
  if (!dcc_check_) return;
  const Wait wait{Scheduler::current().now().plus_ms(settings_.dcc_deadline_ms), &scope_->stop()};
  dcc_.start(dcc_check_->finish(wait), *scope_);
}

void MessageChecks::start_spf(SpfRecord record) {
  POSTERN_CHECK(scope_ != nullptr);
  spf::Question question{.client = client_.address,
                         .sender = ascii_address(client_.sender),
                         .helo = client_.helo,
                         .receiver = settings_.receiver,
                         .smtp_comment = settings_.spf_smtp_comment};
  if (record == SpfRecord::guess) question.guess = settings_.spf_guess;
  const Wait wait{Scheduler::current().now().plus_ms(settings_.spf_deadline_ms), &scope_->stop()};
  spf_of(record).start(spf::check(std::move(question), shared_.resolver, wait), *scope_);
}

const spf::Outcome* MessageChecks::spf_now(SpfRecord record) {
  if (!spf_of(record).started()) start_spf(record);
  return spf_of(record).now();
}

Task<const spf::Outcome*> MessageChecks::spf(SpfRecord record, Wait wait) {
  if (!spf_of(record).started()) start_spf(record);
  co_return co_await spf_of(record).get(wait);
}

void MessageChecks::set_signer(std::string name, const dkim::SignatureResult* signature) {
  signer_ = std::move(name);
  signature_ = signature;
  if (!statuses_.empty()) statuses_ += ':';
  statuses_ += to_string(signature != nullptr ? signature->status : dkim::Status::none);
}

std::string_view MessageChecks::dkim_status() const noexcept {
  if (!is_dkim_made()) return {};
  if (signers_ended_) return statuses_;
  return to_string(signature_ != nullptr ? signature_->status : dkim::Status::none);
}

Task<const arc::Result*> MessageChecks::arc(Wait wait) {
  told_arc_ = co_await arc_.results().get(wait);
  co_return told_arc_;
}

dmarc::Facts MessageChecks::dmarc_facts() const { return checks::dmarc_facts(spf_.now(), dkim_now()); }

Task<const dmarc::Outcome*> MessageChecks::dmarc(Wait wait) {
  if (!dmarc_ && !verify_dmarc_) dmarc_ = dmarc::switched_off();
  if (!dmarc_) {
    const dmarc::Discovery* const policy = co_await policy_.get(wait);
    const spf::Outcome* const spf = co_await this->spf(SpfRecord::own, wait);
    const Signatures* const signatures = co_await dkim(wait);
    const bool is_known = policy != nullptr && spf != nullptr && (signatures != nullptr || !is_dkim_made());
    if (!is_known) co_return nullptr;
    dmarc_ = dmarc::judge(*policy, dmarc_facts(), *settings_.suffixes, static_cast<unsigned>(shared_.random.below(100)));
    auth_results::Checks shown;
    shown.dmarc = dmarc_->authentication_result;
    dmarc_field_ = auth_results::write(settings_.receiver, shown);
  }
  co_return &*dmarc_;
}

Task<const dcc::Result*> MessageChecks::dcc(Wait wait) {
  told_dcc_ = co_await dcc_.get(wait);
  co_return told_dcc_;
}

auth_results::Checks MessageChecks::found() const {
  auth_results::Checks found;
  const spf::Outcome* const spf = told_spf_ != nullptr ? told_spf_ : dmarc_ ? spf_.now() : nullptr;
  if (spf != nullptr) found.spf = spf_element(*spf, client_.sender, client_.helo);
  if (const Signatures* const signatures = dkim_now())
    for (const dkim::SignatureResult& each : *signatures) found.dkim.push_back(dkim_element(each));
  if (dmarc_ && dmarc_->status != dmarc::Status::off) found.dmarc = dmarc_->authentication_result;
  if (told_arc_ != nullptr) found.arc = told_arc_->for_auth_results();
  return found;
}

}  // namespace postern::checks
