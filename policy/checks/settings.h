// What a configuration says about checks, and what the messages of a shard share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/random.h"
#include "net/dns/resolver.h"
#include "policy/arc/verifier.h"
#include "policy/dkim/key_cache.h"
#include "policy/dkim/verifier.h"
#include "policy/expand/check.h"
#include "policy/psl/public_suffix_list.h"
#include "policy/spf/spf.h"

namespace postern::checks {

// Of one configuration. Immutable.
struct Settings {
  expand::CheckSet wanted;  // by ACLs and texts: these are started as early as they can be

  std::string receiver;                                        // primary_hostname
  std::string spf_guess{spf::kGuessRecord};                    // spf_guess
  std::string spf_smtp_comment{spf::kSmtpComment};             // spf_smtp_comment_template
  std::int64_t spf_deadline_ms = 20'000;                       // spf_timeout; RFC 7208 section 4.6.4 wants 20 seconds at the least
  dkim::VerifyPolicy dkim;                                     // dkim_verify_*
  std::int64_t dkim_deadline_ms = 30'000;                      // dkim_timeout, from the end of the body; ARC's, too
  arc::VerifyPolicy arc;                                       // likewise dkim_verify_*
  std::shared_ptr<const psl::PublicSuffixList> suffixes;       // dmarc_tld_file; null: no DMARC
  std::int64_t dmarc_deadline_ms = 30'000;                     // dmarc_timeout, for the policy, from the end of the header
  std::int64_t dcc_deadline_ms = 60'000;                       // dccifd_timeout, from the end of the body
};

// Of one shard.
struct Shared {
  dns::Resolver& resolver;
  Random& random;
  dkim::KeyCache keys = {};
};

}  // namespace postern::checks
