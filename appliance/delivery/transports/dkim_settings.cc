#include "appliance/delivery/transports/dkim_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/lists/list_text.h"
#include "policy/message/signature_words.h"

namespace postern::delivery {

using expand::Bytes;

bool DkimSettings::refuse(std::string why) {
  why_ = std::move(why);
  return false;
}

// An option that is not set is empty. "fail" in one is a failure like any other, as in Exim.
Task<bool> DkimSettings::expand(const Option& option, std::string_view name, Value& value) {
  value = {};
  if (!option) co_return true;
  const expand::EvalResult done = co_await expand::evaluate_waiting(*option, variables_, value.text);
  value.bytes = done.bytes;
  if (!done) co_return refuse(fmt::format("failed to expand {}: {}", name, printable(done.why)));
  co_return true;
}

Task<bool> DkimSettings::make_signers() {
  Value domains;
  if (!co_await expand(options_.domain, "dkim_domain", domains)) co_return false;
  std::vector<std::string> seen;
  lists::ListReader list(domains.text);
  for (std::string domain; list.next(domain);) {
    const auto is_same = [&domain](const std::string& other) { return smtp::equal_ignoring_case(other, domain); };
    if (domain.empty() || std::ranges::any_of(seen, is_same)) continue;
    seen.push_back(domain);
    if (!co_await sign_for_domain(domain, domains.bytes)) co_return false;
  }
  co_return true;
}

Task<bool> DkimSettings::sign_for_domain(std::string domain, Bytes bytes) {
  variables_.set_domain(domain, bytes);
  Value selectors;
  if (!co_await expand(options_.selector, "dkim_selector", selectors)) co_return false;
  lists::ListReader list(selectors.text);
  for (std::string selector; list.next(selector);) {
    if (selector.empty()) continue;
    variables_.set_selector(selector, selectors.bytes);
    if (!co_await add_signer(domain, selector)) co_return false;
  }
  co_return true;
}

Task<bool> DkimSettings::add_signer(std::string domain, std::string selector) {
  Value key;
  if (!co_await expand(options_.private_key, "dkim_private_key", key)) co_return false;
  if (key.text.empty() || key.text == "0" || key.text == "false") co_return true;
  if (signers_.size() == kSignaturesMax)
    co_return refuse(fmt::format("DKIM: signing failed: more than {} signatures", kSignaturesMax));
  dkim::SignSettings settings;
  settings.domain = std::move(domain);
  settings.selector = std::move(selector);
  if (!co_await find_key_text(key) || !co_await read_rest(settings)) co_return false;
  std::string why;
  std::shared_ptr<const crypto::PrivateKey> read = keys_.read(key.text, why);
  if (!read) co_return refuse("DKIM: signing failed: dkim_private_key: " + why);
  std::optional<dkim::Signer> signer = dkim::Signer::make(settings, std::move(read), why);
  if (!signer) co_return refuse("DKIM: signing failed: " + why);
  signers_.push_back(std::move(*signer));
  co_return true;
}

Task<bool> DkimSettings::find_key_text(Value& key) {
  expand::Answer answer = co_await delivery::find_key_text(variables_.services(), std::move(key.text), key.bytes);
  if (answer.status != expand::Answer::Status::found) co_return refuse(std::move(answer.why));
  key.text = std::move(answer.value);
  co_return true;
}

Task<bool> DkimSettings::read_rest(dkim::SignSettings& settings) {
  struct Row {
    const Option& option;
    std::string_view name;
    std::string& text;
  };
  const Row rows[] = {{options_.canon, "dkim_canon", settings.canon},
                      {options_.sign_headers, "dkim_sign_headers", settings.sign_headers},
                      {options_.hash, "dkim_hash", settings.hash},
                      {options_.identity, "dkim_identity", settings.identity},
                      {options_.timestamps, "dkim_timestamps", settings.timestamps}};
  for (const Row& row : rows) {
    Value value;
    if (!co_await expand(row.option, row.name, value)) co_return false;
    row.text = std::move(value.text);
  }
  judge_canon(settings.canon);
  co_return true;
}

void DkimSettings::judge_canon(std::string& canon) {
  if (canon.empty() || message::read_canonicalization(canon)) return;
  remarks_.push_back(fmt::format("DKIM: unknown canonicalization method '{}', defaulting to 'relaxed'.", printable(canon, 64)));
  canon.clear();
}

Task<bool> DkimSettings::is_strict() {
  Value strict;
  if (!options_.strict || !co_await expand(options_.strict, "dkim_strict", strict)) co_return false;
  co_return strict.text == "1" || smtp::equal_ignoring_case(strict.text, "true");
}

}  // namespace postern::delivery
