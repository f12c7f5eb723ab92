// What ACLs leave behind, for later ACLs and for whoever asked them: as long as a connection, or a message, lasts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/acl/controls.h"
#include "policy/acl/header_changes.h"
#include "policy/acl/variables.h"
#include "policy/expand/variables.h"
#include "policy/ratelimit/rate_table.h"
#include "policy/routing/verify_address.h"

namespace postern::acl {

// One of $acl_arg1 to $acl_arg9.
struct AclArgument {
  std::string text;
  expand::Bytes bytes = expand::Bytes::ours;
};
inline constexpr std::size_t kArgumentsMax = 9;

// A rate that was asked for, so that the same event is not counted twice.
struct KnownRate {
  std::string key;
  double rate = 0;
};

// Lines for a log that log_reject_target and logwrite name.
struct LogTargets {
  bool main = false;
  bool reject = false;
  bool panic = false;
  friend bool operator==(const LogTargets&, const LogTargets&) = default;
};
inline constexpr LogTargets kUsualRejectTargets{.main = true, .reject = true};

// A sender that was verified for this message: it is not asked about twice, and of its failure the client is told once.
struct VerifiedSender {
  std::string address;
  routing::AddressVerdict verdict;
  bool is_told = false;
};

// What a list that matched has found ($domain_data and its kin).
struct ListData {
  std::string text;
  expand::Bytes bytes = expand::Bytes::ours;
};

// One connection's.
struct AclState {
  static constexpr std::size_t kVerifiedSendersMax = 64;  // those beyond are verified each time
  static constexpr std::size_t kRatesMax = 64;            // remembered of each kind; those beyond are counted each time

  AclVariables connection_variables;  // acl_c
  AclVariables message_variables;     // acl_m
  HeaderChanges headers;
  Controls controls;
  LogTargets reject_targets = kUsualRejectTargets;  // of the ACL that is being asked, or was asked last

  std::span<const AclArgument> arguments;  // of the ACL that is being asked
  unsigned depth = 0;                      // of ACLs that ask ACLs
  std::string verify_message;              // $acl_verify_message
  bool prvscheck_result = false;           // $prvscheck_result, until the next ACL

  std::string csa_status;  // $csa_status, of the last verify = csa of the connection

  std::string sender_rate;  // $sender_rate and its kin
  std::string sender_rate_limit;
  std::string sender_rate_period;
  std::vector<KnownRate> connection_rates;
  std::vector<KnownRate> message_rates;
  std::vector<KnownRate> command_rates;

  std::string dnslist_domain;
  std::string dnslist_matched;
  std::string dnslist_value;
  std::string dnslist_text;

  std::vector<VerifiedSender> verified_senders;  // of this message
  std::optional<VerifiedSender> failed_sender;   // of the ACL that is being asked, or was asked last
  std::string sender_verify_failure;             // $sender_verify_failure: "route", "mail", "recipient", "postmaster"
  std::string recipient_verify_failure;          //
  routing::AddressData sender_address_data;      // until the message ends
  routing::AddressData address_data;             // until the ACL ends
  ListData domain_data;                          // until the ACL ends
  ListData local_part_data;                      // these until the message does
  ListData sender_data;                          //
  ListData recipient_data;                       //
  ListData host_data;                            // until the connection does
  std::vector<std::string> captures;             // $0 to $9, of the domain or local part that was matched last; bytes of a peer

  std::vector<std::string> warnings;  // logged for this message, once each

  // After a message, RSET, HELO, EHLO.
  void end_of_message();
  // Before each question to an ACL.
  void begin_command();
};

}  // namespace postern::acl
