// Whether a domain allows a client to send its mail: SPF, RFC 7208. The names of results are in result.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "net/dns/resolver.h"
#include "policy/spf/result.h"

namespace postern::spf {

// RFC 7208 section 4.6.4. kTermsMax is in record.h.
inline constexpr std::size_t kVoidLookupsMax = 2;     // terms whose names have no records
inline constexpr std::size_t kExchangersMax = 10;     // of one `mx`; more are a permerror
inline constexpr std::size_t kClientNamesMax = 10;    // PTR records looked at; further ones are not
inline constexpr std::size_t kProblemBytesMax = 200;  // of why there is an error
inline constexpr std::size_t kValueBytesMax = 320;    // of the sender and of names in fields
inline constexpr std::size_t kFieldBytesMax =
    998;  // RFC 5322 section 2.1.1; of Received-SPF; what does not fit is left out or cut

// Exim's defaults of the main options spf_guess and spf_smtp_comment_template.
inline constexpr std::string_view kGuessRecord = "v=spf1 a/24 mx/24 ptr ?all";
inline constexpr std::string_view kSmtpComment = "Please%_see%_http://www.open-spf.org/Why";

// True when `text` can stand as Question::smtp_comment.
[[nodiscard]] bool is_smtp_comment(std::string_view text) noexcept;

struct Question {
  IpAddress client;
  PeerText sender;  // of MAIL, without brackets; empty: the HELO name is checked, as postmaster@NAME (RFC 7208 section 2.4)
  PeerText helo;
  std::string receiver;  // our name
  // What the sender is told where its domain does not say why it fails: an explanation with macros (section 6.2).
  std::string smtp_comment = std::string(kSmtpComment);
  // Evaluated in place of the domain's record when it has none.
  std::optional<std::string> guess;
};

enum class Identity : std::uint8_t { mailfrom, helo };

// Texts hold peer bytes, made harmless: they are one line without control characters.
struct Outcome {
  Result result = Result::none;
  Identity identity = Identity::mailfrom;
  bool guessed = false;     // $spf_result_guessed: the result comes from Question::guess
  PeerText domain;          // $spf_used_domain: whose record was asked for
  PeerText matched;         // the term that decided, as written in the record; empty when none did
  PeerText explanation;     // of a fail: the domain's words (exp=), or else ours
  bool explained = false;   // they are the domain's
  PeerText problem;         // of temperror and permerror: why
  PeerText header_comment;  // $spf_header_comment: "RECEIVER: domain of DOMAIN designates ADDRESS as permitted sender"
  PeerText smtp_comment;    // $spf_smtp_comment: of fail the explanation, of softfail and neutral our words with a reason
  PeerText received;        // $spf_received: the whole field, without a line end
  std::size_t terms = 0;    // that asked the DNS
  std::size_t void_lookups = 0;
};

// Evaluates the record of the sender's domain. Temporary failures of the DNS, the deadline and a stop give temperror, except
// where RFC 7208 makes little of them (ptr, p, exp). Domains are asked for as they stand: one in UTF-8 has no record, and the
// caller gives A-labels (section 4.3). Suspends until the result is known; all questions have ended then. What a record may
// ask first, it asks together. The resolver outlives the call.
[[nodiscard]] Task<Outcome> check(Question question, dns::Resolver& resolver, Wait wait);

// What Authentication-Results says (RFC 8601 section 2.7.2), Exim's words: "spf=pass smtp.mailfrom=example.org".
[[nodiscard]] PeerText authentication_result(const Outcome& outcome);

}  // namespace postern::spf
