// One client, as policy and spool see it: answers the session's questions with the configuration's ACLs, and opens messages in
// the spool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/ingress/connection_limits.h"
#include "appliance/ingress/log_lines.h"
#include "appliance/ingress/policy.h"
#include "appliance/ingress/spool_sink.h"
#include "appliance/ingress/stats.h"
#include "appliance/log/log_sink.h"
#include "engine/smtp/hooks.h"
#include "policy/acl/run.h"
#include "policy/expand/evaluate.h"

namespace postern::ingress {

// What the connections of one shard share. Outlives them.
struct ConnectionServices {
  std::shared_ptr<const IngressPolicy> policy;  // for connections that begin now
  SpoolServices spool;
  log::LogSink& log;
  IngressStats& stats;
  std::string scratch = {};                  // for one expansion or text at a time, never across a suspension
  log::LogLine line = {};                    // for one log line at a time, likewise
  std::string id_prefix = {};                // of connection_id: the same for no two shards and processes
  std::uint64_t connections = 0;             // begun so far, for their ids
  const ConnectionLimits* limits = nullptr;  // counts those on all shards; null: nobody does

  // format_rfc5322_time(), made once a second. Valid until the next call.
  [[nodiscard]] std::string_view rfc5322_time(WallTime time);
  std::int64_t time_text_second = -1;
  std::string time_text = {};
};

// Implements the hooks of one session. One shard.
class Connection final : public smtp::SessionHooks, private expand::EvalContext, private acl::AclListener {
 public:
  explicit Connection(ConnectionServices& services) noexcept
      : services_(services), policy_(services.policy), number_(services.connections++) {}

  // What it goes by to its end.
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
  void event(const smtp::SessionEvent& event) override;
  void closed() override;

 private:
  // Appends the value of a variable of the language.
  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override;
  void warning(std::string_view text) override;
  void skipped(std::string_view text) override;
  void trouble(std::string_view text) override;

  [[nodiscard]] smtp::Verdict ask(acl::Phase phase, smtp::Decision when_unset);
  [[nodiscard]] std::string_view expand_or(const expand::Program& program, std::string_view fallback);
  void choose_options(smtp::SessionOptions& options);
  void write_received_header();
  void log_connection();
  void log_about_client(std::string_view what, std::string_view text);
  [[nodiscard]] LineContext line_context();
  // An empty line to be filled.
  [[nodiscard]] log::LogLine& new_line();
  void count(const smtp::SessionEvent& event) noexcept;

  ConnectionServices& services_;
  const std::shared_ptr<const IngressPolicy> policy_;
  const std::uint64_t number_;  // of the connection, on this shard
  smtp::SessionState* state_ = nullptr;
  const smtp::Envelope* envelope_ = nullptr;    // of the open transaction
  const smtp::Recipient* recipient_ = nullptr;  // while an ACL judges it
  const smtp::MessageView* message_ = nullptr;  // while its end is judged
  std::optional<SpoolSink> sink_;               // made with the first message
  std::string active_hostname_;
  std::string banner_;
  std::string additions_;
  std::string message_id_header_;  // of the message being accepted, for its log line
  std::string subject_;            // likewise
  bool has_subject_ = false;
  std::string rejected_header_;  // of a message that was refused after its text, until that is in the log
  std::string connection_id_;    // made when a line wants it
};

}  // namespace postern::ingress
