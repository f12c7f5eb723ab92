#include "policy/checks/message_checks.h"

#include <utility>

#include "engine/base/check.h"
#include "policy/checks/ascii_address.h"

namespace postern::checks {

using expand::Check;

void MessageChecks::begin(Client client, smtp::CheckScope& scope) {
  client_ = std::move(client);
  scope_ = &scope;
  forget_told();
  spf_.forget();
  spf_guess_.forget();
  dkim_.forget();
  bodies_.reset();
  if (settings_.wanted.has(Check::spf)) start_spf(SpfRecord::own);
}

void MessageChecks::forget_told() noexcept {
  told_spf_ = nullptr;
  signature_ = nullptr;
  signer_.clear();
}

void MessageChecks::header_complete(const smtp::HeaderView& headers, bool verify_dkim) {
  const bool wants_dkim = verify_dkim && settings_.wanted.has(Check::dkim);
  if (!wants_dkim || scope_ == nullptr) return;
  const message::HeaderIndex index(headers);
  bodies_.emplace();
  dkim_.start(settings_, shared_, index, *bodies_, *scope_);
}

void MessageChecks::body_ended() {
  if (bodies_) bodies_->finish();
  if (dkim_.started()) dkim_.body_ended();
}

void MessageChecks::start_spf(SpfRecord record) {
  POSTERN_CHECK(scope_ != nullptr);
  spf::Question question{.client = client_.address,
                         .sender = ascii_address(client_.sender),
                         .helo = client_.helo,
                         .receiver = settings_.receiver,
                         .smtp_comment = settings_.spf_smtp_comment};
  if (record == SpfRecord::guess) question.guess = settings_.spf_guess;
  spf_of(record).start(std::move(question), shared_.resolver, *scope_, settings_.spf_deadline_ms);
}

const spf::Outcome* MessageChecks::spf_now(SpfRecord record) {
  if (!spf_of(record).started()) start_spf(record);
  return spf_of(record).now();
}

Task<const spf::Outcome*> MessageChecks::spf(SpfRecord record, Wait wait) {
  if (!spf_of(record).started()) start_spf(record);
  co_return co_await spf_of(record).outcome(wait);
}

void MessageChecks::set_signer(std::string name, const dkim::SignatureResult* signature) {
  signer_ = std::move(name);
  signature_ = signature;
}

}  // namespace postern::checks
