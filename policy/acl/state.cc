#include "policy/acl/state.h"

namespace postern::acl {

void AclState::end_of_message() {
  message_variables.clear();
  headers.clear();
  controls.end_of_message();
  message_rates.clear();
  warnings.clear();
  verified_senders.clear();
  sender_verify_failure.clear();
  recipient_verify_failure.clear();
  sender_address_data = {};
  local_part_data = sender_data = recipient_data = {};
  captures.clear();
}

void AclState::begin_command() {
  reject_targets = kUsualRejectTargets;
  command_rates.clear();
  verify_message.clear();
  failed_sender.reset();
  address_data = {};
  domain_data = {};
  prvscheck_result = false;
}

}  // namespace postern::acl
