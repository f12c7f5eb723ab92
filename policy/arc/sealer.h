// Makes the ARC Set of a message: RFC 8617 section 5.1. As with signing, the header comes whole and the body passes by once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "policy/arc/fields.h"
#include "policy/arc/seal_settings.h"
#include "policy/crypto/hasher.h"
#include "policy/crypto/signature.h"
#include "policy/dkim/signer.h"
#include "policy/message/body_hashes.h"
#include "policy/message/folded_field.h"
#include "policy/message/header_index.h"
#include "policy/message/signature_words.h"

namespace postern::arc {

// What the Authentication-Results fields of `identity` say of the chain below (arc=): what was found when the message came in,
// for whoever seals it later. Nothing when none says it; several that differ, or any other word, are a failure.
[[nodiscard]] std::optional<ChainStatus> recorded_status(const message::HeaderIndex& headers, const std::string& identity);

// Seals one message after the other with one key.
class Sealer {
 public:
  static constexpr std::size_t kResultsBytesMax = 64UL * 1024;  // of all results in the set

  // Nothing, and `why` with a remedy, when a setting cannot be used.
  [[nodiscard]] static std::optional<Sealer> make(const SealSettings& settings, std::shared_ptr<const crypto::PrivateKey> key,
                                                  std::string& why);

  // The header is complete, our Authentication-Results in it; its views are not looked at any more afterwards. `verified` is
  // what was found of the chain that is there. False, and `why`, when the message gets no set: nobody verified the chain, it
  // has failed before, it has kInstanceMax sets, or there are no results of ours. A chain of which `verified` says pass, but
  // that cannot be one, has failed.
  [[nodiscard]] bool begin(const message::HeaderIndex& headers, message::BodyHashes& bodies,
                           std::optional<ChainStatus> verified, WallTime now, std::string& why);
  // After BodyHashes::finish(), where begin() was true: the fields to put before all others, in the order in which they stand
  // there: the seal, the signature, the results. Each is folded, CR LF at its end included. Nothing, and `why`, when the
  // library refuses.
  [[nodiscard]] std::optional<std::vector<std::string>> finish(const message::BodyHashes& bodies, std::string& why);

 private:
  Sealer() = default;
  [[nodiscard]] bool write_results(const message::HeaderIndex& headers, std::string& why);
  [[nodiscard]] bool hash_header(const message::HeaderIndex& headers, std::string& why);
  [[nodiscard]] message::FoldedField unsigned_signature(std::string_view body_hash) const;
  [[nodiscard]] message::FoldedField unsigned_seal() const;
  [[nodiscard]] bool sign(crypto::Hasher& hasher, message::FoldedField& field) const;

  std::shared_ptr<const crypto::PrivateKey> key_;
  message::Algorithm algorithm_;
  std::string identity_;
  std::string selector_;
  std::vector<dkim::SignedName> names_;
  bool timestamps_ = false;
  std::optional<Expiry> expire_;

  // Of the message under way.
  std::size_t instance_ = 0;
  ChainStatus status_ = ChainStatus::none;
  std::string results_;                       // without the CR LF at its end
  std::string chosen_;                        // h=
  std::optional<crypto::Hasher> header_;      // for the signature
  std::optional<crypto::Hasher> sets_below_;  // for the seal
  std::uint64_t created_ = 0;
  std::size_t body_ = 0;
};

}  // namespace postern::arc
