// Makes the DKIM-Signature field of a message: RFC 6376 section 5, RFC 8301, RFC 8463. As with verifying, the header comes
// whole and the body passes by once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "policy/crypto/hasher.h"
#include "policy/crypto/signature.h"
#include "policy/message/body_hashes.h"
#include "policy/message/folded_field.h"
#include "policy/message/header_index.h"
#include "policy/message/signature_words.h"

namespace postern::dkim {

// Exim's _DKIM_SIGN_HEADERS: what RFC 4871 names.
inline constexpr std::string_view kSignHeaders =
    "From:Sender:Reply-To:Subject:Date:Message-ID:To:Cc:MIME-Version:Content-Type:Content-Transfer-Encoding:Content-ID:"
    "Content-Description:Resent-Date:Resent-From:Resent-Sender:Resent-To:Resent-Cc:Resent-Message-ID:In-Reply-To:References:"
    "List-Id:List-Help:List-Unsubscribe:List-Subscribe:List-Post:List-Owner:List-Archive";

// The options of the smtp transport, expanded. Empty: the default.
struct SignSettings {
  std::string domain;        // dkim_domain, one of them
  std::string selector;      // dkim_selector, one of them
  std::string identity;      // dkim_identity
  std::string canon;         // dkim_canon: relaxed (the default) or simple, for header and body; or one of each with a slash
  std::string sign_headers;  // dkim_sign_headers; see SignedName
  std::string hash;          // dkim_hash: sha256 (the default) or sha512
  std::string timestamps;  // dkim_timestamps: seconds for which the signature holds, 0: for ever; without it there are no times
};

// An item of dkim_sign_headers.
struct SignedName {
  enum class Extent : std::uint8_t {
    one,           // "Name": one field, or its absence
    all,           // "=Name": all that are there
    all_and_more,  // "+Name": these, and that there is no further one
  };
  std::string name;
  Extent extent = Extent::one;
};
// Nothing, and `why`, for what cannot be a list of field names, or does not name From.
[[nodiscard]] std::optional<std::vector<SignedName>> read_sign_headers(std::string_view text, std::string& why);

// Signs one message after the other with one key. Several signatures of a message are several signers over one BodyHashes.
class Signer {
 public:
  static constexpr unsigned kRsaBitsMin = 1024;  // RFC 8301 section 3.2

  // Nothing, and `why` with a remedy, when a setting cannot be used.
  [[nodiscard]] static std::optional<Signer> make(const SignSettings& settings, std::shared_ptr<const crypto::PrivateKey> key,
                                                  std::string& why);

  // The header is complete. Its views are not looked at any more afterwards.
  void begin(const message::HeaderIndex& headers, message::BodyHashes& bodies, WallTime now);
  // After BodyHashes::finish(): the field to put before all others, folded, CR LF at its end included. Nothing, and `why`, when
  // there are more than kSignedNamesMax fields to sign, or the library refuses.
  [[nodiscard]] std::optional<std::string> finish(const message::BodyHashes& bodies, std::string& why);

 private:
  Signer() = default;
  void choose_names(const message::HeaderIndex& headers);
  [[nodiscard]] message::FoldedField unsigned_field(std::string_view body_hash) const;

  std::shared_ptr<const crypto::PrivateKey> key_;
  message::Algorithm algorithm_;
  message::Canonicalization canon_;
  std::string domain_;
  std::string selector_;
  std::string identity_;
  std::vector<SignedName> names_;
  std::optional<std::uint64_t> holds_s_;

  // Of the message under way.
  std::optional<crypto::Hasher> hasher_;
  std::vector<std::string> chosen_;  // h=
  bool too_many_ = false;
  std::uint64_t created_ = 0;
  std::size_t body_ = 0;
};

}  // namespace postern::dkim
