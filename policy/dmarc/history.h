// The history file: one message's block in the format of OpenDMARC 1.4, which opendmarc-import reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/peer_text.h"
#include "policy/dmarc/judge.h"

namespace postern::dmarc {

// What was done with the message; the numbers are the format's.
enum class Action : std::uint8_t { reject = 0, discard = 1, accept = 2, tempfail = 3, quarantine = 4 };
// What the outcome asks for.
[[nodiscard]] Action action_of(const Outcome& outcome) noexcept;

struct ArcSet {
  unsigned instance = 0;
  PeerText domain;    // d= of its seal
  PeerText selector;  // s=
  std::string ip;     // smtp.remote-ip of its Authentication-Results; may be empty
};

struct HistoryMessage {
  std::string id;
  std::string reporter;  // this host
  WallTime received;
  std::string client_address;
  PeerText sender_domain;  // the HELO name for the null sender
  Facts facts;
  Outcome outcome;
  Action action = Action::accept;
  auth_results::Result arc = auth_results::Result::none;
  std::vector<ArcSet> arc_sets;
};

// Lines "key value", each ended by a line feed, to be appended to the file in one write. Empty for a message without an Author
// Domain: the format has no place for it. No byte of a value can end its line or its word: what is not visible ASCII becomes
// "?". Pure.
[[nodiscard]] std::string history_entry(const HistoryMessage& message);

}  // namespace postern::dmarc
