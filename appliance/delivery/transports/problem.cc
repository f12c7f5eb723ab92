#include "appliance/delivery/transports/problem.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "engine/base/peer_text.h"

namespace postern::delivery {

namespace {

using smtp::ClientFailure;
using smtp::ClientPhase;
using smtp::EnhancedCode;

constexpr std::size_t kReplyShownMax = 1024;

ProblemKind kind_of_rejection(const ClientFailure& failure) {
  if (failure.reply.code == 421) return ProblemKind::host_rejected;
  switch (failure.phase) {
    case ClientPhase::greeting:
    case ClientPhase::helo: return ProblemKind::host_rejected;
    case ClientPhase::rcpt: return ProblemKind::rcpt_rejected;
    case ClientPhase::data:
    case ClientPhase::end_of_data: return ProblemKind::data_rejected;
    default: return ProblemKind::mail_rejected;
  }
}

ProblemKind kind_of(const ClientFailure& failure, bool in_doubt) {
  switch (failure.kind) {
    case ClientFailure::Kind::rejected: return kind_of_rejection(failure);
    case ClientFailure::Kind::unsuitable: return ProblemKind::unsuitable;
    case ClientFailure::Kind::local: return in_doubt ? ProblemKind::data_lost : ProblemKind::local;
    case ClientFailure::Kind::timed_out: return in_doubt ? ProblemKind::data_lost : ProblemKind::timed_out;
    case ClientFailure::Kind::malformed: return in_doubt ? ProblemKind::data_lost : ProblemKind::malformed;
    case ClientFailure::Kind::closed: return in_doubt ? ProblemKind::data_lost : ProblemKind::connection_lost;
  }
  return ProblemKind::local;
}

// Exim's lmtp transport says LMTP wherever its smtp transport says SMTP, which says LMTP of the answers to the text only.
std::string text_of(const ClientFailure& failure, const NextHop& hop) {
  const bool is_local = hop.is_socket();
  const std::string_view protocol = is_local ? "LMTP" : "SMTP";
  const std::string command = (failure.pipelined ? "pipelined " : "") + printable(failure.command, kReplyShownMax);
  const std::string reply = printable(failure.reply.lines(), kReplyShownMax);
  switch (failure.kind) {
    case ClientFailure::Kind::rejected:
      if (is_local || (failure.lmtp && failure.phase == ClientPhase::end_of_data))
        return fmt::format("LMTP error after {}: {}", command, reply);
      return fmt::format("SMTP error from remote mail server after {}: {}", command, reply);
    case ClientFailure::Kind::unsuitable: return failure.explanation;
    case ClientFailure::Kind::local: return fmt::format("interrupted after {}: {}", command, describe(failure.error));
    case ClientFailure::Kind::timed_out: return fmt::format("{} timeout after {}", protocol, command);
    case ClientFailure::Kind::malformed:
      return reply.empty() ? fmt::format("Malformed {} reply in response to {}", protocol, command)
                           : fmt::format("Malformed {} reply in response to {}: {}", protocol, command, reply);
    case ClientFailure::Kind::closed:
      return is_local ? fmt::format("LMTP connection closed after {}", command)
                      : fmt::format("Remote host closed connection in response to {}", command);
  }
  return {};
}

// RFC 3463 sections 3.5 and 3.8, where the peer gave none.
EnhancedCode status_of(const ClientFailure& failure) {
  switch (failure.kind) {
    case ClientFailure::Kind::rejected: return failure.reply.enhanced;
    case ClientFailure::Kind::unsuitable: return failure.status;
    case ClientFailure::Kind::local: return {4, 3, 0};
    case ClientFailure::Kind::malformed: return {4, 5, 0};
    default: return {4, 4, 2};
  }
}

// This machine's, and no fault of who was to be connected to. Who may write to a socket is the business of its server, though.
bool is_own_trouble(Errc connecting, bool to_socket) {
  switch (connecting) {
    case Errc::stopped:
    case Errc::too_large: return true;
    case Errc::denied:
    case Errc::invalid: return !to_socket;
    default: return false;
  }
}

}  // namespace

Problem local_problem(const Error& error, std::string_view doing) {
  Problem problem;
  problem.kind = error.code == Errc::disk_full ? ProblemKind::disk_full : ProblemKind::local;
  problem.os_errno = error.os_errno;
  problem.text = fmt::format("{}: {}", doing, describe(error));
  problem.status = error.code == Errc::disk_full ? EnhancedCode{4, 3, 1} : EnhancedCode{4, 3, 0};
  return problem;
}

Problem configuration_problem(std::string why) {
  Problem problem;
  problem.text = std::move(why);
  problem.status = {4, 3, 5};
  return problem;
}

Problem connect_problem(const Error& error, const HostSeen& host) {
  const bool is_socket = host.hop.is_socket();
  Problem problem;
  if (is_own_trouble(error.code, is_socket)) {
    problem = local_problem(error, "connect");
    problem.host = host;
    return problem;
  }
  switch (error.code) {
    case Errc::refused:
      problem.kind = ProblemKind::refused;
      problem.os_errno = ECONNREFUSED;
      break;
    case Errc::timed_out:
      problem.kind = ProblemKind::connect_timed_out;
      problem.os_errno = ETIMEDOUT;
      break;
    default:
      problem.kind = ProblemKind::unreachable;
      problem.os_errno = error.os_errno != 0 ? error.os_errno : EHOSTUNREACH;
      break;
  }
  problem.status = {4, 4, 1};
  problem.host = host;
  if (is_socket) problem.text = "failed to connect to socket " + printable(host.name);
  return problem;
}

Problem smtp_problem(const ClientFailure& failure, const HostSeen& host, bool in_doubt) {
  Problem problem;
  problem.kind = kind_of(failure, in_doubt);
  problem.permanent = failure.is_permanent();
  problem.is_of_recipient =
      problem.kind == ProblemKind::rcpt_rejected ||
      (failure.lmtp && problem.kind == ProblemKind::data_rejected && failure.phase == ClientPhase::end_of_data);
  problem.reply_code = failure.kind == ClientFailure::Kind::rejected ? failure.reply.code : 0;
  problem.status = status_of(failure);
  problem.text = text_of(failure, host.hop);
  if (failure.kind == ClientFailure::Kind::timed_out) problem.os_errno = ETIMEDOUT;
  if (failure.kind == ClientFailure::Kind::rejected) problem.diagnostic = printable(failure.reply.lines(), kReplyShownMax);
  problem.host = host;
  return problem;
}

int defer_number(const Problem& problem) noexcept {
  constexpr int kConnectionClosed = -18;
  constexpr int kMalformedReply = -19;
  constexpr int kRcpt4xx = -44;
  constexpr int kMail4xx = -45;
  constexpr int kData4xx = -46;
  constexpr int kHostRetryTime = -54;
  if (problem.os_errno != 0) return problem.os_errno;
  switch (problem.kind) {
    case ProblemKind::connection_lost:
    case ProblemKind::data_lost: return kConnectionClosed;
    case ProblemKind::malformed: return kMalformedReply;
    case ProblemKind::rcpt_rejected: return kRcpt4xx;
    case ProblemKind::mail_rejected: return kMail4xx;
    case ProblemKind::data_rejected: return kData4xx;
    case ProblemKind::host_resting: return kHostRetryTime;
    default: return 0;
  }
}

config::TroubleFacts trouble_of(const Problem& problem) noexcept {
  using config::Trouble;
  const auto facts = [&problem](Trouble trouble) {
    return config::TroubleFacts{.trouble = trouble, .smtp_code = problem.reply_code};
  };
  switch (problem.kind) {
    case ProblemKind::refused: return facts(Trouble::refused);
    case ProblemKind::connect_timed_out: return facts(Trouble::timeout_connect);
    case ProblemKind::timed_out: return facts(Trouble::timeout);
    case ProblemKind::connection_lost:
    case ProblemKind::data_lost: return facts(problem.os_errno == ETIMEDOUT ? Trouble::timeout : Trouble::lost_connection);
    case ProblemKind::mail_rejected: return facts(Trouble::mail_4xx);
    case ProblemKind::data_rejected: return facts(Trouble::data_4xx);
    case ProblemKind::rcpt_rejected: return facts(Trouble::rcpt_4xx);
    case ProblemKind::disk_full: return facts(Trouble::quota);
    default: return facts(Trouble::other);
  }
}

}  // namespace postern::delivery
