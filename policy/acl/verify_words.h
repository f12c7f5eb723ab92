// `verify = what/options`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/acl/phases.h"
#include "policy/routing/callout_words.h"

namespace postern::acl {

enum class VerifyWhat : std::uint8_t {
  arc,
  csa,
  header_names_ascii,
  header_sender,
  header_syntax,
  helo,
  not_blind,
  recipient,
  reverse_host_lookup,
  sender,
};

struct VerifyDef {
  std::string_view name;
  VerifyWhat what = VerifyWhat::helo;
  Phases phases = kAllPhases;
  std::string_view not_built = {};  // why it is refused; empty when it is built
};

[[nodiscard]] std::span<const VerifyDef> verifications() noexcept;

struct VerifyWords {
  const VerifyDef* def = nullptr;
  std::string address;               // of sender=...: empty: the envelope's. Of csa/domain: empty: the HELO name. Of arc/states
  bool defer_ok = false;             // what cannot be known for now passes
  bool no_details = false;           // the client is not told why a sender failed
  bool success_on_redirect = false;  // an address that is redirected is good
  std::optional<routing::CalloutWords> callout;
  bool case_insensitive = false;  // not_blind
};

// Reads an expanded `verify`. Nothing, and `why`, when it is unknown, not built, or has an option it does not take.
[[nodiscard]] std::optional<VerifyWords> read_verify(std::string_view text, std::string& why);

}  // namespace postern::acl
