// All checks of one message. Each is started at the earliest moment, if the configuration wants it at all, and waited for where
// somebody asks:
//
//   check   starts            waited for by
//   SPF     at MAIL           the conditions spf and dmarc_status
//   DKIM    behind the header the ACLs for DKIM and DATA; the body is hashed as it passes
//   ARC     behind the header verify = arc; likewise
//   DMARC   behind the header the condition dmarc_status: its policy is asked for while the body arrives
//   DCC     behind the header the condition dcc: the daemon is told the body as it passes
//
// docs/life-of-a-message.md tells of it, too.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/base/peer_text.h"
#include "engine/buffer/slice.h"
#include "engine/coro/task.h"
#include "engine/coro/wait.h"
#include "engine/smtp/check_scope.h"
#include "engine/smtp/header_view.h"
#include "policy/arc/verifier.h"
#include "policy/auth_results/write.h"
#include "policy/checks/facts.h"
#include "policy/checks/pending.h"
#include "policy/checks/settings.h"
#include "policy/checks/signature_check.h"
#include "policy/dcc/dcc.h"
#include "policy/dmarc/judge.h"
#include "policy/expand/variables.h"
#include "policy/message/body_hashes.h"

namespace postern::checks {

// Who sends it.
struct Client {
  IpAddress address;
  PeerText sender;  // of MAIL, without brackets; empty for the null reverse-path
  PeerText helo;
};

// Whose record SPF goes by.
enum class SpfRecord : std::uint8_t {
  own,    // the domain's; the condition spf
  guess,  // spf_guess, where the domain has none; the condition spf_guess
};

// One connection's, for one message at a time. Settings and what is shared outlive it; so do the scopes. One shard.
class MessageChecks {
 public:
  MessageChecks(const Settings& settings, Shared& shared) noexcept : settings_(settings), shared_(shared) {}

  // MAIL, before its ACL. What belonged to the former message has ended with its scope, and is forgotten.
  void begin(Client client, smtp::CheckScope& scope);
  // The header block is complete. What a control has switched off is not made.
  struct Switches {
    bool dkim = true;
    bool dmarc = true;
  };
  void header_complete(const smtp::HeaderView& headers, Switches switches);
  // The daemon is told the message from here on; at the end of the header.
  void set_dcc(std::unique_ptr<dcc::Check> check) { dcc_check_ = std::move(check); }
  // The bytes behind it, cut anywhere. False: room() is awaited before more come.
  [[nodiscard]] bool body(const Slice& bytes);
  [[nodiscard]] Task<void> room(Wait wait);
  // All have come.
  void body_ended();
  // The transaction is over: variables are empty again. Checks that are under way end with the scope.
  void forget_told() noexcept;

  // SPF. Starts it when nobody has. Null: it is to be waited for.
  [[nodiscard]] const spf::Outcome* spf_now(SpfRecord record);
  // Suspends until it is known, or `wait` ends: then null.
  [[nodiscard]] Task<const spf::Outcome*> spf(SpfRecord record, Wait wait);
  // An ACL has asked for it: the variables show it from now on.
  void tell(const spf::Outcome& outcome) noexcept { told_spf_ = &outcome; }
  [[nodiscard]] const spf::Outcome* told_spf() const noexcept { return told_spf_; }

  // DKIM, once the body has ended. Null: it is to be waited for, or is not made (is_dkim_made()).
  [[nodiscard]] bool is_dkim_made() const noexcept { return dkim_.results().started(); }
  [[nodiscard]] const Signatures* dkim_now() const noexcept { return dkim_.results().now(); }
  [[nodiscard]] Task<const Signatures*> dkim(Wait wait) { return dkim_.results().get(wait); }
  // Whose turn it is in acl_smtp_dkim: an address or a domain, and its signature; null: it has none.
  void set_signer(std::string name, const dkim::SignatureResult* signature);
  [[nodiscard]] const std::string& signer() const noexcept { return signer_; }
  [[nodiscard]] const dkim::SignatureResult* signature() const noexcept { return signature_; }
  // All have had their turn.
  void end_signers() noexcept { signers_ended_ = true; }
  // $dkim_verify_status: of the signature whose turn it is; once all have had theirs, what was found of each, in order.
  [[nodiscard]] std::string_view dkim_status() const noexcept;

  // ARC, once the body has ended. Null: `wait` has ended first, or it is not made. The variables show it from now on.
  [[nodiscard]] Task<const arc::Result*> arc(Wait wait);
  [[nodiscard]] const arc::Result* told_arc() const noexcept { return told_arc_; }

  // DMARC, once the body has ended: waits for SPF, DKIM and the policy. Null: `wait` has ended first. The variables show it
  // from now on.
  [[nodiscard]] Task<const dmarc::Outcome*> dmarc(Wait wait);
  [[nodiscard]] const dmarc::Outcome* told_dmarc() const noexcept { return dmarc_ ? &*dmarc_ : nullptr; }
  [[nodiscard]] dmarc::Facts dmarc_facts() const;

  // DCC, once the body has ended. Null: `wait` has ended first, or the daemon was not told of the message. The variables show
  // it from now on.
  [[nodiscard]] Task<const dcc::Result*> dcc(Wait wait);
  [[nodiscard]] const dcc::Result* told_dcc() const noexcept { return told_dcc_; }

  // What Authentication-Results says of what ACLs have asked for, and of DKIM once it is known.
  [[nodiscard]] auth_results::Checks found() const;

  // The value of a variable that shows a result. Empty for all others.
  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const;

 private:
  [[nodiscard]] std::string_view signers(std::string& scratch) const;
  [[nodiscard]] Pending<spf::Outcome>& spf_of(SpfRecord record) noexcept {
    return record == SpfRecord::own ? spf_ : spf_guess_;
  }
  void start_spf(SpfRecord record);

  const Settings& settings_;
  Shared& shared_;
  Client client_;
  smtp::CheckScope* scope_ = nullptr;  // of the message
  Pending<spf::Outcome> spf_;
  Pending<spf::Outcome> spf_guess_;
  const spf::Outcome* told_spf_ = nullptr;
  SignatureCheck<dkim::Verifier, Signatures> dkim_;
  SignatureCheck<arc::Verifier, arc::Result> arc_;
  const arc::Result* told_arc_ = nullptr;
  std::optional<message::BodyHashes> bodies_;
  bool verify_dmarc_ = false;
  Pending<dmarc::Discovery> policy_;
  std::optional<dmarc::Outcome> dmarc_;
  std::string dmarc_field_;  // $dmarc_ar_header
  std::unique_ptr<dcc::Check> dcc_check_;
  Pending<dcc::Result> dcc_;
  const dcc::Result* told_dcc_ = nullptr;
  std::string signer_;
  const dkim::SignatureResult* signature_ = nullptr;
  std::string statuses_;  // of those that have had their turn
  bool signers_ended_ = false;
};

}  // namespace postern::checks
