// The Authentication-Results field, RFC 8601, in the order and with the comments of Exim's ${authresults {id}}.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/auth_results/result.h"

namespace postern::auth_results {

// Longer texts are cut.
inline constexpr std::size_t kTextBytesMax = 1024;

// A message that did not come over SMTP.
struct Local {
  std::string host;  // this one
  PeerText user;     // may be empty
};
// Reverse DNS of the client (section 2.7.3).
struct Iprev {
  Result result = Result::none;  // pass, fail or temperror
  PeerText host;                 // of a pass
};
// SMTP AUTH (section 2.7.4).
struct Auth {
  std::string mechanism;        // the public name: "PLAIN"
  PeerText id;                  // $authenticated_id; may be empty
  PeerText sender;              // the AUTH= parameter of MAIL; may be empty
  bool by_certificate = false;  // Exim's authenticator `tls`
};
struct Spf {
  Result result = Result::none;
  bool guessed = false;    // by spf_guess
  PeerText sender_domain;  // empty for the null sender: then the HELO name was checked
  PeerText helo;
};
// One signature.
struct Dkim {
  Result result = Result::none;
  std::string reason;     // why it is not pass, in our words: "body hash mismatch; body probably modified in transit"
  PeerText domain;        // d=; empty parts are left out
  PeerText identity;      // i=
  PeerText selector;      // s=
  std::string algorithm;  // a=: "rsa-sha256"
};
struct Dmarc {
  Result result = Result::none;
  std::string comment;  // "p=none"
  PeerText from;        // the domain of From:; may be empty
};
struct Arc {
  Result result = Result::none;  // pass, fail or none
  unsigned instance = 0;         // of the newest set; 0 when there is none
  std::string reason;
  PeerText selector;  // of the newest ARC-Message-Signature
  unsigned oldest_pass = 0;
};

struct Checks {
  std::optional<Local> local;
  std::optional<Iprev> iprev;
  std::optional<Auth> auth;
  std::optional<Spf> spf;
  std::vector<Dkim> dkim;
  std::optional<Dmarc> dmarc;
  std::optional<Arc> arc;
  std::string client_address;  // smtp.remote-ip; empty when there is none
};

// "Authentication-Results: id;\n\tspf=pass smtp.mailfrom=example.com", without a line end; "Authentication-Results: id; none"
// when nothing was checked. Values that RFC 8601 wants quoted are, IPv6 addresses among them; no byte of a value can end the
// field or its element. Pure.
[[nodiscard]] std::string write(std::string_view authserv_id, const Checks& checks);

// Appends `text` as a value of section 2.2: a token or an address as it is, all else as a quoted string. Control characters and
// what is not UTF-8 become "?".
void append_value(std::string& out, std::string_view text);
// Appends "(text)", with parentheses and backslashes within it escaped (RFC 5322 section 3.2.2).
void append_comment(std::string& out, std::string_view text);

}  // namespace postern::auth_results
