// `control = name/options`: one row for each name, and what the controls of a connection and of a message have set.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/acl/phases.h"

namespace postern::acl {

// What the client is told in place of the truth about a message that is taken.
enum class Fake : std::uint8_t { none, defer, reject };

struct Controls {
  // Of the connection.
  bool enforce_sync = true;  // together with smtp_enforce_sync
  bool multiline_responses = true;
  bool pipelining = true;
  bool delay_flush = true;

  // Of the message.
  Fake fake = Fake::none;
  std::string fake_text;
  bool freeze = false;
  bool dkim_verify = true;
  bool dmarc_verify = true;
  bool dmarc_forensic = false;

  // Of the recipient being judged, and those behind it in the message.
  bool caseful_local_part = false;

  void end_of_message();
};

enum class Control : std::uint8_t {
  caseful_local_part,
  caselower_local_part,
  dkim_disable_verify,
  dmarc_disable_verify,
  dmarc_enable_forensic,
  enforce_sync,
  fakedefer,
  fakereject,
  freeze,
  no_delay_flush,
  no_effect,  // what it would switch off is not there
  no_enforce_sync,
  no_multiline_responses,
  no_pipelining,
};

struct ControlDef {
  std::string_view name;
  Control control = Control::no_effect;
  Phases phases = kAllPhases;
  std::string_view options = {};    // that may follow it, colon-separated; "*": any text
  std::string_view not_built = {};  // why it is refused; empty when it is built
};

[[nodiscard]] std::span<const ControlDef> controls() noexcept;

struct ControlSetting {
  const ControlDef* def = nullptr;
  std::string option;  // behind the slash
};

// Reads an expanded `control`. Nothing, and `why`, when it is unknown, not built, or has an option it does not take.
[[nodiscard]] std::optional<ControlSetting> read_control(std::string_view text, std::string& why);

void apply(const ControlSetting& setting, Controls& to);

}  // namespace postern::acl
