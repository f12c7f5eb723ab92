// One client, as policy and spool see it: answers the session's questions with the configuration's ACLs, and opens messages in
// the spool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "appliance/ingress/acl_desk.h"
#include "appliance/ingress/acl_watcher.h"
#include "appliance/ingress/arrivals.h"
#include "appliance/ingress/connection_limits.h"
#include "appliance/ingress/log_lines.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/proxied.h"
#include "appliance/ingress/rates.h"
#include "appliance/ingress/stats.h"
#include "appliance/language/shard_language.h"
#include "appliance/log/log_sink.h"
#include "engine/smtp/hooks.h"
#include "net/dns/resolver.h"
#include "policy/acl/run.h"
#include "policy/expand/evaluate.h"

namespace postern::ingress {

// A configuration as one shard goes by it. The counts of its owners are the shard's alone.
struct InUse {
  std::shared_ptr<const IngressPolicy> policy;
  std::shared_ptr<language::ShardLanguage> language;  // of `policy`; null: nothing is asked
};

// What the connections of one shard share. Outlives them.
struct ConnectionServices {
  std::shared_ptr<const InUse> configuration;  // for connections that begin now
  Arrivals& arrivals;
  log::LogSink& log;
  dns::Resolver& resolver;
  IngressStats& stats;
  Random& random;
  RateKeeper* rates = nullptr;               // null: no rates are kept
  routing::Callouts* callouts = nullptr;     // null: nobody is called, and routing alone decides
  AclWatcher* watcher = nullptr;             // null: nobody watches
  dnsbl::ZoneTable zones = {};               // of DNS lists
  StopSource* hurry = nullptr;               // requested when ACLs are to wait for nothing any more
  std::string scratch = {};                  // for one expansion or text at a time, never across a suspension
  log::LogLine line = {};                    // for one log line at a time, likewise
  std::string id_prefix = {};                // of connection_id: the same for no two shards and processes
  std::uint64_t connections = 0;             // begun so far, for their ids
  const ConnectionLimits* limits = nullptr;  // counts those on all shards; null: nobody does

  // Writes `scratch` to these logs.
  void log_scratch(acl::LogTargets targets);
  // A text of the configuration could not be expanded or understood: to the main log and the panic log.
  void trouble(std::string_view text);

  // format_rfc5322_time(), made once a second. Valid until the next call.
  [[nodiscard]] std::string_view rfc5322_time(WallTime time);
  std::int64_t time_text_second = -1;
  std::string time_text = {};
};

// Implements the hooks of one session. One shard.
class Connection final : public smtp::SessionHooks, private expand::EvalContext {
 public:
  // It goes by `configuration` to its end. `proxied`: what is known of a connection from a host in hosts_proxy; else null.
  Connection(ConnectionServices& services, std::shared_ptr<const InUse> configuration,
             std::unique_ptr<const Proxied> proxied = nullptr) noexcept
      : services_(services),
        configuration_(std::move(configuration)),
        policy_(configuration_->policy.get()),
        number_(services.connections++),
        proxied_(std::move(proxied)) {}

  [[nodiscard]] const IngressPolicy& policy() const noexcept { return *policy_; }

  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> connect(smtp::SessionState& state, smtp::SessionOptions& options) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> helo() override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> mail(const smtp::Envelope& envelope) override;
  [[nodiscard]] bool has_space(std::uint64_t bytes) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> rcpt(const smtp::Envelope& envelope, const smtp::Recipient& recipient) override;
  [[nodiscard]] smtp::ReadyOr<smtp::Verdict> predata(const smtp::Envelope& envelope) override;
  [[nodiscard]] smtp::ReadyOr<Result<smtp::MessageSink*>> open_message(const smtp::Envelope& envelope,
                                                                       std::uint64_t bytes_expected) override;
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
  // Appends the value of a variable of the language.
  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  [[nodiscard]] std::string_view local_part_of_recipient(std::string& scratch) const;
  [[nodiscard]] std::optional<std::string_view> acl_value(expand::VariableId id, std::string& scratch) const;
  [[nodiscard]] expand::Bytes bytes_of(expand::VariableId id) const override;
  [[nodiscard]] std::optional<expand::Held> acl_variable(std::string_view name) const override;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override;
  [[nodiscard]] expand::Services* services() const override;
  [[nodiscard]] expand::CompileServices* compile_services() const override;
  [[nodiscard]] std::optional<expand::Held> capture(unsigned number) const override;

  [[nodiscard]] std::string_view message_size_text(std::string& scratch) const;
  [[nodiscard]] std::uint64_t received_fields() const;
  [[nodiscard]] std::string_view recipients_text(std::string& scratch) const;
  [[nodiscard]] std::string_view reply_address_text(std::string& scratch) const;
  void log_frozen(std::string_view id);
  void log_arrival(const smtp::Envelope& envelope, std::string_view id, std::uint64_t message_bytes);
  void log_discarded(const smtp::SessionEvent& event);
  [[nodiscard]] std::string_view proxy_variable(expand::VariableId id, std::string& scratch) const;
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
  [[nodiscard]] std::string_view expand_or(const expand::Program& program, std::string_view fallback);
  [[nodiscard]] bool names_are(dns::HostNames::Result result) const;
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
  void count(const smtp::SessionEvent& event) noexcept;

  ConnectionServices& services_;
  const std::shared_ptr<const InUse> configuration_;
  const IngressPolicy* const policy_;  // its
  const std::uint64_t number_;         // of the connection, on this shard
  const std::unique_ptr<const Proxied> proxied_;
  smtp::SessionState* state_ = nullptr;
  const smtp::Envelope* envelope_ = nullptr;      // of the open transaction
  const smtp::Recipient* recipient_ = nullptr;    // while an ACL judges it
  const smtp::MessageView* message_ = nullptr;    // while its end is judged
  smtp::Additions* message_additions_ = nullptr;  // likewise
  smtp::Recipient judged_;                        // of VRFY
  smtp::SessionOptions* options_ = nullptr;
  std::unique_ptr<AclDesk> desk_;          // from the first ACL on
  std::unique_ptr<ArrivingMessage> sink_;  // made with the first message
  std::string active_hostname_;
  std::string banner_;
  std::string additions_;
  bool asks_nothing_ = false;  // while a text is expanded that cannot wait: a variable is what is known of it
  std::string_view notquit_reason_;
  std::string message_id_header_;  // of the message being accepted, for its log line
  std::string subject_;            // likewise
  bool has_subject_ = false;
  std::string rejected_header_;  // of a message that was refused after its text, until that is in the log
  std::string connection_id_;    // made when a line wants it
};

}  // namespace postern::ingress
