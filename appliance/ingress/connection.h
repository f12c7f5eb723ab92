// One client, as policy and spool see it: answers the session's questions with the configuration's ACLs, and opens messages in
// the spool.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "appliance/ingress/acl_desk.h"
#include "appliance/ingress/arrivals.h"
#include "appliance/ingress/connection_services.h"
#include "appliance/ingress/connection_variables.h"
#include "appliance/ingress/line_parts.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/proxied.h"
#include "engine/smtp/hooks.h"
#include "policy/expand/program.h"

namespace postern::ingress {

// Implements the hooks of one session. One shard.
class Connection final : public smtp::SessionHooks {
 public:
  // It goes by `configuration` to its end. `proxied`: what is known of a connection from a host in hosts_proxy; else null.
  Connection(ConnectionServices& services, std::shared_ptr<const InUse> configuration,
             std::unique_ptr<const Proxied> proxied = nullptr) noexcept
      : services_(services),
        configuration_(std::move(configuration)),
        policy_(configuration_->policy.get()),
        variables_(services, *policy_, facts_),
        facts_{.proxied = std::move(proxied), .number = services.connections++} {}

  [[nodiscard]] const IngressPolicy& policy() const noexcept { return *policy_; }

  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> connect(smtp::SessionState& state, smtp::SessionOptions& options) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> helo() override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> mail(const smtp::Envelope& envelope) override;
  [[nodiscard]] bool has_space(std::uint64_t bytes) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> rcpt(const smtp::Envelope& envelope, const smtp::Recipient& recipient) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> predata(const smtp::Envelope& envelope) override;
  [[nodiscard]] smtp::ReadyOr<Result<smtp::MessageSink*>> open_message(const smtp::Envelope& envelope,
                                                                       std::uint64_t bytes_expected) override;
  void headers_complete(const smtp::Envelope& envelope, const smtp::HeaderView& headers) override;
  [[nodiscard]] smtp::Pace body(const Slice& bytes) override;
  [[nodiscard]] Task<void> body_room() override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> end_of_data(const smtp::MessageView& message, smtp::Additions& additions) override;
  void accepted(const smtp::Envelope& envelope, const smtp::BodyStats& stats, std::string_view id,
                const smtp::CommitReceipt& receipt) override;
  void reset() override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> quit() override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> notquit(smtp::NotQuit reason) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> vrfy(const smtp::EnvelopeAddress& address) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> expn(PeerView argument) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> etrn(PeerView argument) override;
  void event(const smtp::SessionEvent& event) override;
  void closed() override;

 private:
  void log_frozen(std::string_view id);
  void log_arrival(const smtp::Envelope& envelope, std::string_view id, std::uint64_t message_bytes);
  void log_discarded(const smtp::SessionEvent& event);
  [[nodiscard]] AclDesk& desk();
  void forget_message();
  // What the ACL for `phase` says, and then `end` with it: at once, or in a coroutine when the ACL waits.
  using End = smtp::Verdict (Connection::*)(smtp::Verdict verdict);
  [[nodiscard]] std::optional<smtp::Verdict> ask_now(acl::Phase phase, smtp::Decision when_unset);
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> ask(acl::Phase phase, smtp::Decision when_unset, End end = nullptr);
  [[nodiscard]] Task<smtp::Verdict> go_on_asking(End end);
  [[nodiscard]] smtp::Verdict end_asking(smtp::Verdict verdict, End end);
  [[nodiscard]] smtp::Verdict end_of_connect(smtp::Verdict verdict);
  [[nodiscard]] smtp::Verdict end_of_mail(smtp::Verdict verdict);
  [[nodiscard]] smtp::Verdict end_of_helo(smtp::Verdict verdict);
  [[nodiscard]] smtp::Verdict end_of_message(smtp::Verdict verdict);
  [[nodiscard]] Task<smtp::Verdict> judge_and_verify();
  [[nodiscard]] Task<smtp::Verdict> judge_signers();
  // Null: there are none for this message.
  [[nodiscard]] checks::MessageChecks* begun_checks() const noexcept;
  void log_signatures();
  // What became of a message whose DMARC was asked for, for dmarc_history_file.
  void write_dmarc_history(const smtp::Verdict& verdict);
  [[nodiscard]] std::string_view verified_domain() const;
  void log_event(const smtp::SessionEvent& event);
  [[nodiscard]] std::string_view expand_or(const expand::Program& program, std::string_view fallback);
  // What the lists of the main section say of the client, in the order of ClientLists::all().
  using ClientAnswers = std::array<bool, ClientLists::kCount>;
  // True: they are all known.
  [[nodiscard]] bool match_client_now(ClientAnswers& answers);
  // The same, waiting; and the client's names where host_lookup wants them.
  [[nodiscard]] Task<smtp::Verdict> connect_waiting();
  [[nodiscard]] std::optional<smtp::Verdict> begin_connection(const ClientAnswers& answers);
  void choose_options(smtp::SessionOptions& options, const ClientAnswers& answers);
  void write_received_header();
  void log_connection();
  [[nodiscard]] LineContext line_context();
  // An empty line to be filled.
  [[nodiscard]] log::LogLine& new_line();

  ConnectionServices& services_;
  const std::shared_ptr<const InUse> configuration_;
  const IngressPolicy* const policy_;  // its
  const ConnectionVariables variables_;
  ConnectionFacts facts_;
  smtp::Additions* message_additions_ = nullptr;  // while the end of a message is judged
  smtp::Recipient judged_;                        // of VRFY
  smtp::SessionOptions* options_ = nullptr;
  std::unique_ptr<ArrivingMessage> sink_;  // made with the first message
  std::string banner_;
  std::string additions_;
  std::string message_id_header_;  // of the message being accepted, for its log line
  std::string subject_;            // likewise
  bool has_subject_ = false;
  std::string rejected_header_;  // of a message that was refused after its text, until that is in the log
  bool refused_by_dkim_ = false;  // by acl_smtp_dkim, until that is in the log
  std::string connection_id_;    // made when a line wants it
};

}  // namespace postern::ingress
