// What one check's result is to another, and to Authentication-Results (RFC 8601 section 2.7).
#pragma once

#include <vector>

#include "policy/auth_results/result.h"
#include "policy/auth_results/write.h"
#include "policy/dkim/verifier.h"
#include "policy/dmarc/judge.h"
#include "policy/spf/spf.h"

namespace postern::checks {

using Signatures = std::vector<dkim::SignatureResult>;  // from the top down

[[nodiscard]] auth_results::Result to_auth_result(spf::Result result) noexcept;
[[nodiscard]] auth_results::Result to_auth_result(const dkim::SignatureResult& signature) noexcept;

// What DMARC goes by. Null: not checked.
[[nodiscard]] dmarc::Facts dmarc_facts(const spf::Outcome* spf, const Signatures* signatures);

[[nodiscard]] auth_results::Spf spf_element(const spf::Outcome& outcome, const PeerText& sender, const PeerText& helo);
[[nodiscard]] auth_results::Dkim dkim_element(const dkim::SignatureResult& signature);

}  // namespace postern::checks
