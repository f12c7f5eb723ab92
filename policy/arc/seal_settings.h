// What the transport option arc_sign says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::arc {

struct Expiry {
  bool from_now = true;  // otherwise seconds since 1970
  std::uint64_t seconds = std::uint64_t{30} * 24 * 3600;
};

struct SealSettings {
  std::string identity;          // ours: the authserv-id of our Authentication-Results fields, and d=
  std::string selector;          // s=
  std::string key;               // the private key, or where it lies; never shown
  bool timestamps = false;       // t= in the signature and the seal
  std::optional<Expiry> expire;  // x= in the signature
  std::string sign_headers;      // as dkim::SignSettings has it; empty: dkim::kSignHeaders and all DKIM-Signature fields
};

// Reads "identity : selector : privkey [: options]", expanded; options are a list "timestamps,expire[=SECONDS|=+SECONDS]".
// Nothing, and `why` with a remedy, when it is not so; `why` holds no byte of the text, which has a key in it. An empty text
// means that nothing is sealed, and is not for here. Pure.
[[nodiscard]] std::optional<SealSettings> read_arc_sign(std::string_view text, std::string& why);

}  // namespace postern::arc
