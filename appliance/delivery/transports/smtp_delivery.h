// One job of the smtp or lmtp transport. Part of smtp_transport.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/delivery/transports/added_headers.h"
#include "appliance/delivery/transports/smtp_transport.h"

namespace postern::delivery {

class SmtpDelivery {
 public:
  SmtpDelivery(SmtpTransport& transport, const TransportJob& job, const expand::EvalContext& variables);

  [[nodiscard]] Task<void> run();

 private:
  // A recipient without a final outcome.
  struct Waiting {
    std::uint32_t index;
    std::optional<Problem> problem;  // met at the last host that was tried
    bool untried = true;             // at the present host
  };
  enum class Use : std::uint8_t { finished, worn_out, stale };

  [[nodiscard]] std::vector<HostSeen> hosts_to_try() const;
  [[nodiscard]] Task<void> try_host(HostSeen host);
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> open(const HostSeen& host);
  [[nodiscard]] Task<std::unique_ptr<SmtpConnection>> connect(const HostSeen& host);
  [[nodiscard]] Task<Use> use(SmtpConnection& connection, const HostSeen& host);
  [[nodiscard]] Task<smtp::TransactionOutcome> send(SmtpConnection& connection, const std::vector<std::uint32_t>& batch);
  [[nodiscard]] std::vector<std::uint32_t> next_batch(const smtp::PeerOffer& offer) const;

  void compose(const std::vector<std::uint32_t>& recipients);
  // Why the message cannot leave.
  [[nodiscard]] Task<std::optional<Problem>> prepare(const std::vector<std::uint32_t>& recipients);
  [[nodiscard]] Task<std::optional<Problem>> sign();
  [[nodiscard]] bool must_wait(const HostMemory::Standing& standing) const;
  void rest_on(const HostSeen& host, const HostMemory::Standing& standing);
  void take_outcome(const smtp::TransactionOutcome& outcome, const std::vector<std::uint32_t>& batch, const HostSeen& host);
  // True when there were any.
  bool take_delivered(const smtp::TransactionOutcome& outcome, const std::vector<std::uint32_t>& batch, const HostSeen& host);
  void report(Delivered event, const smtp::PeerReply& accepted);
  void take_failure(std::uint32_t index, const smtp::ClientFailure& failure, const HostSeen& host, bool in_doubt,
                    bool progressed);
  void host_failed(const Problem& problem, const HostSeen& host);
  void settle(std::uint32_t index, const Problem& problem);
  void settle_all(const Problem& problem);
  void note(std::uint32_t index, const Problem& problem);
  void note_untried(const Problem& problem);
  [[nodiscard]] Waiting& waiting(std::uint32_t index);
  [[nodiscard]] bool has_untried() const noexcept;
  [[nodiscard]] std::string_view domain() const;
  [[nodiscard]] static std::uint32_t now_s();

  SmtpTransport& transport_;
  const config::SmtpTransport& options_;
  SmtpTransportDeps& deps_;
  const TransportJob& job_;
  const expand::EvalContext& variables_;
  WallTime now_;
  AddedHeaders added_;
  std::string helo_name_;
  std::string helo_why_;
  std::optional<ComposedMessage> composed_;  // borrows from added_
  std::vector<std::uint32_t> composed_for_;
  bool is_signed_ = false;  // composed_ is as it shall leave
  std::vector<Waiting> waiting_;
};

}  // namespace postern::delivery
