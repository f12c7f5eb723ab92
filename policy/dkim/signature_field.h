// The DKIM-Signature field, RFC 6376 section 3.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/dkim/reason.h"
#include "policy/message/signature_words.h"
#include "policy/message/tag_list.h"

namespace postern::dkim {

struct Signature {
  PeerText domain;                       // d=
  PeerText selector;                     // s=
  PeerText identity;                     // i=, unquoted; "@" and d= when it is not there
  bool has_identity = false;             // it is there
  PeerText algorithm_text;               // a= as it stands
  message::Algorithm algorithm;          // a=
  message::Canonicalization canon;       // c=
  PeerText body_hash;                    // bh=, bytes
  PeerText signature;                    // b=, bytes
  std::vector<PeerText> names;           // h=
  std::optional<std::uint64_t> length;   // l=, bytes of the canonical body
  std::optional<std::uint64_t> created;  // t=, seconds since 1970
  std::optional<std::uint64_t> expires;  // x=
  PeerText copied;                       // z=, unquoted, its items still separated by "|"
  // Of the field's value, what counts as empty when the field is hashed: between "b=" and the next semicolon.
  std::size_t cut_begin = 0;
  std::size_t cut_end = 0;

  // The part of i= behind the at sign.
  [[nodiscard]] std::string_view identity_domain() const noexcept;
};

// Reads a field's value. `signature` holds what could be read also when something is wrong. Says what is wrong, or
// Reason::none. Nothing here depends on the time, a policy or the DNS.
[[nodiscard]] Reason read_signature(PeerView value, Signature& signature);
// The same for the tags of an ARC-Message-Signature (RFC 8617 section 4.1.2): v= means nothing there, and i= is the instance,
// which is not read here; the identity is d=.
[[nodiscard]] Reason read_arc_message_signature(const message::TagList& tags, Signature& signature);

}  // namespace postern::dkim
