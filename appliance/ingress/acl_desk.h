// The ACLs of one connection: what they leave behind, what they ask of the shard, and what they say to the logs.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/ingress/policy.h"
#include "appliance/language/asker.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/state.h"
#include "engine/smtp/verdict.h"
#include "policy/acl/run.h"
#include "policy/checks/message_checks.h"
#include "policy/expand/eval_context.h"
#include "policy/expand/services.h"

namespace postern::ingress {

struct ConnectionServices;

// What an ACL is asked about; null where there is none.
struct AclScene {
  const smtp::Envelope* envelope = nullptr;
  const smtp::Recipient* recipient = nullptr;
  const smtp::MessageView* message = nullptr;
  WallTime received = {};                // when its text began to come
  std::string_view received_field = {};  // what will stand in front of the message; empty: it is not known yet
};

// One connection's. Borrows everything it is given for as long as that lasts.
class AclDesk final : private acl::AclWorld, private acl::AclListener, private language::Asker {
 public:
  AclDesk(ConnectionServices& services, const IngressPolicy& policy, language::ShardLanguage& language,
          smtp::SessionState& session, const expand::EvalContext& variables);

  // Asks the ACL for `phase`. Nothing: it has to wait, and go_on() gives the verdict. `when_unset` is the decision where there
  // is none.
  [[nodiscard]] std::optional<smtp::Verdict> ask(acl::Phase phase, smtp::Decision when_unset, const AclScene& scene);
  [[nodiscard]] Task<smtp::Verdict> go_on();

  // After a message, RSET, HELO, EHLO.
  void end_of_message();

  [[nodiscard]] acl::AclState& state() noexcept { return state_; }
  [[nodiscard]] const acl::AclState& state() const noexcept { return state_; }
  [[nodiscard]] expand::Services& services() noexcept { return *this; }
  [[nodiscard]] expand::CompileServices& compile_services() const noexcept { return language(); }
  // What lists ask about the client.
  [[nodiscard]] lists::ListFacts& facts() override { return *this; }
  using Asker::known_names;
  // MAIL, before its ACL: checks that the configuration wants begin.
  void begin_checks(const smtp::Envelope& envelope);
  // acl::AclWorld, too. Null: there is no message, or nobody wants any.
  [[nodiscard]] checks::MessageChecks* checks() override;
  // The header block is complete: what the configuration wants of it begins.
  void header_complete(const smtp::Envelope& envelope, const smtp::HeaderView& headers);
  // Whether checks were begun; null: they were not.
  [[nodiscard]] checks::MessageChecks* begun_checks() const noexcept { return checks_.get(); }
  // Suspends until all signatures are judged; then asks acl_smtp_dkim, if there is one, for each of dkim_verify_signers until
  // it refuses one. With begun_checks() whose is_dkim_made().
  [[nodiscard]] Task<smtp::Verdict> judge_signers(AclScene scene);
  // Where an address goes.
  [[nodiscard]] Task<routing::AddressVerdict> verify_address(routing::VerifyRequest request) override;
  // Into `additions`, whose texts stay here until the end of the message.
  void add_to(smtp::Additions& additions);
  // The fields that ACLs before the one for DATA have added or removed belong to the message it sees.
  [[nodiscard]] std::optional<std::string_view> added_field(std::string_view name, std::size_t& at) const;
  [[nodiscard]] bool is_removed(std::string_view name) const;
  // Appends those that were added, as they were written.
  void append_added_fields(std::string& out) const;

 private:
  // language::Asker
  [[nodiscard]] auth_results::Checks found_by_checks() const override;
  void start_dcc(const smtp::Envelope& envelope, const smtp::HeaderView& headers);
  [[nodiscard]] Task<smtp::Verdict> judge_names(std::vector<std::string> names, const checks::Signatures& results,
                                                AclScene scene);
  [[nodiscard]] Task<smtp::Verdict> judge_signer(std::string name, const dkim::SignatureResult* result, AclScene scene);

  // acl::AclWorld
  [[nodiscard]] std::shared_ptr<const acl::Acl> find_acl(std::string_view text, std::string& why) override;
  [[nodiscard]] Task<void> delay(std::int64_t ms, bool flush) override;
  [[nodiscard]] std::optional<ratelimit::Verdict> ask_rate_now(const ratelimit::Question& question) override;
  [[nodiscard]] Task<std::optional<ratelimit::Verdict>> ask_rate(ratelimit::Question question) override;
  [[nodiscard]] dns::Resolver* resolver() override;
  [[nodiscard]] dnsbl::ZoneTable& zones() override;
  [[nodiscard]] acl::AclSettings settings() const override { return language().language().acl_settings; }
  [[nodiscard]] std::span<const std::string_view> envelope_recipients() override;
  [[nodiscard]] std::optional<std::string> strange_header_name() override;

  // acl::AclListener
  void warning(std::string_view text) override;
  void skipped(std::string_view text) override;
  void trouble(std::string_view text) override;
  void note(acl::LogTargets targets, std::string_view text) override;
  [[nodiscard]] bool traces() const override;
  void begins(const acl::Acl& acl, const acl::Statement& statement, unsigned depth) override;
  void did(const acl::StepTrace& step, unsigned depth) override;
  void judged(const acl::Acl& acl, const acl::Statement& statement, std::string_view result, unsigned depth) override;
  void ended(const acl::Acl& acl, const acl::AclOutcome& outcome, bool implicit, unsigned depth) override;

  // acl::AclWorld and language::Asker
  [[nodiscard]] Wait wait() override;

  // language::Asker
  [[nodiscard]] std::optional<IpAddress> client() const override { return session_.endpoints.peer.address; }
  void names_found(const dns::HostNames& names) override;
  void keep_prvscheck_result(bool is_valid) override { state_.prvscheck_result = is_valid; }
  [[nodiscard]] std::optional<expand::Answer> acl_now(const expand::AclQuestion& question) override;
  [[nodiscard]] Task<expand::Answer> acl(expand::AclQuestion question) override;

  // An ACL that an expansion asks.
  struct Asked {
    std::shared_ptr<const acl::Acl> acl;
    std::vector<acl::AclArgument> arguments;
    std::optional<acl::AclRun> run;
  };
  [[nodiscard]] std::unique_ptr<Asked> begin(const expand::AclQuestion& question, std::string& why);
  [[nodiscard]] acl::AclSubject subject();
  // Expanded, the option names the ACL. Null: why it does not is in the log.
  [[nodiscard]] bool begin_run(const expand::EvalResult& expanded, const std::string& text);
  void start(const acl::Acl& acl);
  [[nodiscard]] smtp::Verdict verdict_of_none();
  [[nodiscard]] smtp::Verdict conclude();
  void check_code(smtp::Verdict& verdict);
  [[nodiscard]] std::optional<std::vector<std::string>> others_results() const;
  [[nodiscard]] bool is_removed_later(std::string_view field) const;
  [[nodiscard]] std::string_view message_id() const;
  // Into the reply to a refusal, and into the logs, why a sender failed: once for each sender of a message.
  void tell_of_sender(smtp::Verdict& verdict);
  void log_about_client(std::string_view what, std::string_view text, acl::LogTargets targets = {.main = true});

  ConnectionServices& shared_;
  const IngressPolicy& policy_;
  smtp::SessionState& session_;
  acl::AclState state_;

  // Of the question that is being answered.
  acl::Phase phase_ = acl::Phase::connect;
  smtp::Decision when_unset_ = smtp::Decision::accept;
  AclScene scene_;
  std::shared_ptr<const acl::Acl> found_;  // keeps what was found by name or text
  std::unique_ptr<acl::AclRun> run_;
  const expand::Program* to_expand_ = nullptr;
  std::string why_none_;                        // the option's text did not lead to an ACL
  std::vector<std::unique_ptr<Asked>> paused_;  // by acl_now(), for acl()
  std::string recipient_local_part_;
  std::vector<std::string_view> recipients_;

  // Of the message.
  std::unique_ptr<checks::MessageChecks> checks_;  // from the first message with checks on
  std::size_t visible_added_ = 0;
  std::size_t visible_removed_ = 0;
  std::vector<std::string> change_texts_;
  std::vector<smtp::HeaderChange> changes_;
};

}  // namespace postern::ingress
