#include "appliance/delivery/transports/sealing.h"

#include <memory>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/arc/seal_settings.h"
#include "policy/expand/evaluate.h"
#include "policy/lists/list_text.h"

namespace postern::delivery {

bool Sealing::refuse(std::string why) {
  why_ = "ARC: not sealed: " + why;
  return false;
}

Task<bool> Sealing::make() {
  if (!arc_sign_) co_return true;
  std::string text;
  const expand::EvalResult done = co_await expand::evaluate_waiting(*arc_sign_, variables_, text);
  if (!done) co_return refuse("failed to expand arc_sign: " + printable(done.why));
  if (lists::trim(text).empty()) co_return true;
  std::string why;
  std::optional<arc::SealSettings> settings = arc::read_arc_sign(text, why);
  if (!settings) co_return refuse("arc_sign: " + why);
  expand::Answer key = co_await find_key_text(variables_.services(), settings->key, done.bytes);
  if (key.status != expand::Answer::Status::found) co_return refuse("arc_sign: " + key.why);
  const std::shared_ptr<const crypto::PrivateKey> read = keys_.read(key.value, why);
  if (!read) co_return refuse("arc_sign: " + why);
  sealer_ = arc::Sealer::make(*settings, read, why);
  if (!sealer_) co_return refuse("arc_sign: " + why);
  identity_ = settings->identity;
  co_return true;
}

void Sealing::begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, WallTime now) {
  std::string why;
  seals_ = sealer_->begin(headers, bodies, arc::recorded_status(headers, identity_), now, why);
}

std::optional<std::string> Sealing::finish(const message::BodyHashes& bodies) {
  std::string all;
  if (!seals_) return all;
  std::string why;
  const std::optional<std::vector<std::string>> fields = sealer_->finish(bodies, why);
  if (!fields) {
    static_cast<void>(refuse(why));
    return std::nullopt;
  }
  for (const std::string& field : *fields) all += field;
  return all;
}

}  // namespace postern::delivery
