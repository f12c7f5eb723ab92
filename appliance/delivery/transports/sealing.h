// ARC on the way out: the transport option arc_sign, expanded for one message, and the set it makes (RFC 8617 section 5.1).
#pragma once

#include <optional>
#include <string>

#include "appliance/delivery/transports/signing_keys.h"
#include "appliance/delivery/transports/signing_variables.h"
#include "engine/base/clock.h"
#include "engine/coro/task.h"
#include "policy/arc/sealer.h"
#include "policy/expand/program.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"

namespace postern::delivery {

// Everything is borrowed.
class Sealing {
 public:
  Sealing(const std::optional<expand::Program>& arc_sign, SigningKeys& keys, SigningVariables& variables) noexcept
      : arc_sign_(arc_sign), keys_(keys), variables_(variables) {}

  // False: why(). Nothing is sealed where the option is not set or empty. Suspends.
  [[nodiscard]] Task<bool> make();
  [[nodiscard]] bool wanted() const noexcept { return sealer_.has_value(); }
  // In words for the log, without a byte of a key.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }

  // What was found of the chain stands in our Authentication-Results. A message that can have no set stays as it is.
  void begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, WallTime now);
  // After BodyHashes::finish(): the fields of the set, in their order; empty where there is none. Nothing: why().
  [[nodiscard]] std::optional<std::string> finish(const message::BodyHashes& bodies);

 private:
  [[nodiscard]] bool refuse(std::string why);

  const std::optional<expand::Program>& arc_sign_;
  SigningKeys& keys_;
  SigningVariables& variables_;
  std::string identity_;
  std::optional<arc::Sealer> sealer_;
  bool seals_ = false;
  std::string why_;
};

}  // namespace postern::delivery
