// The conditions that match something of the client or the message against a list.
#pragma once

#include "engine/coro/task.h"
#include "policy/acl/run.h"

namespace postern::acl {

[[nodiscard]] Truth test_authenticated(Doing& doing);
[[nodiscard]] Truth test_dkim_signers(Doing& doing);
[[nodiscard]] Truth test_dkim_status(Doing& doing);
[[nodiscard]] Truth test_domains(Doing& doing);
[[nodiscard]] Truth test_encrypted(Doing& doing);
[[nodiscard]] Truth test_hosts(Doing& doing);
[[nodiscard]] Truth test_local_parts(Doing& doing);
[[nodiscard]] Truth test_recipients(Doing& doing);
[[nodiscard]] Truth test_sender_domains(Doing& doing);
[[nodiscard]] Truth test_senders(Doing& doing);

[[nodiscard]] Task<Truth> ask_authenticated(Doing& doing);
[[nodiscard]] Task<Truth> ask_dkim_signers(Doing& doing);
[[nodiscard]] Task<Truth> ask_dkim_status(Doing& doing);
[[nodiscard]] Task<Truth> ask_domains(Doing& doing);
[[nodiscard]] Task<Truth> ask_encrypted(Doing& doing);
[[nodiscard]] Task<Truth> ask_hosts(Doing& doing);
[[nodiscard]] Task<Truth> ask_local_parts(Doing& doing);
[[nodiscard]] Task<Truth> ask_recipients(Doing& doing);
[[nodiscard]] Task<Truth> ask_sender_domains(Doing& doing);
[[nodiscard]] Task<Truth> ask_senders(Doing& doing);

}  // namespace postern::acl
