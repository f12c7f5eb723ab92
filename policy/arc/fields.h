// The three header fields of an ARC Set: RFC 8617 section 4.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/peer_text.h"
#include "policy/dkim/reason.h"
#include "policy/dkim/signature_field.h"
#include "policy/message/signature_words.h"

namespace postern::arc {

inline constexpr unsigned kInstanceMax = 50;  // section 4.2.1
inline constexpr std::string_view kResultsField = "ARC-Authentication-Results";
inline constexpr std::string_view kSignatureField = "ARC-Message-Signature";
inline constexpr std::string_view kSealField = "ARC-Seal";

// What is wrong with a field by itself.
enum class Fault : std::uint8_t {
  none,
  instance,     // i= is missing, or none of 1 to 50: whose set it is cannot be told
  syntax,       // the field is no tag list, or a value cannot be one
  missing_tag,  // one that has to be there
  not_from,     // h= does not name From
  covers_arc,   // h= of a message signature names a field of ARC (section 4.1.2)
  sealed_h,     // a seal has an h= (section 4.1.3)
};
[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

// What the handler of a set found. What stands behind the instance is not judged: a chain holds whatever is said there.
struct AuthenticationResults {
  unsigned instance = 0;
  PeerText id;         // the authserv-id; may be empty
  PeerText remote_ip;  // smtp.remote-ip, where it is an address: the client that the handler saw. May be empty
};
[[nodiscard]] Fault read_authentication_results(PeerView value, AuthenticationResults& results);

struct MessageSignature {
  unsigned instance = 0;
  dkim::Signature signature;
  // A fault that is not the chain's, but says that this signature does not verify: of its algorithm, its times or its query
  // method.
  dkim::Reason reason = dkim::Reason::none;
};
[[nodiscard]] Fault read_message_signature(PeerView value, MessageSignature& signature);

enum class ChainStatus : std::uint8_t { none, fail, pass };
[[nodiscard]] std::string_view to_string(ChainStatus status) noexcept;

struct Seal {
  unsigned instance = 0;
  ChainStatus status = ChainStatus::none;  // cv=
  PeerText domain;                         // d=
  PeerText selector;                       // s=
  message::Algorithm algorithm;            // a=
  bool knows_algorithm = false;
  PeerText signature;  // b=, bytes
  // Of the field's value, what counts as empty when the field is hashed.
  std::size_t cut_begin = 0;
  std::size_t cut_end = 0;
};
[[nodiscard]] Fault read_seal(PeerView value, Seal& seal);

}  // namespace postern::arc
