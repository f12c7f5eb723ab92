// The judgment: RFC 7489 sections 3.1, 6.6.2 and 6.6.4. Pure: discovery and the results of SPF and DKIM in, one outcome out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/auth_results/result.h"
#include "policy/auth_results/write.h"
#include "policy/dmarc/discovery.h"
#include "policy/dmarc/record.h"
#include "policy/psl/public_suffix_list.h"

namespace postern::dmarc {

// $dmarc_status, and what the condition `dmarc_status` is asked about.
enum class Status : std::uint8_t {
  accept,      // aligned
  reject,      //
  quarantine,  //
  none,        // not aligned, and the policy asks for nothing
  norecord,
  nofrom,
  temperror,
  off,  // control = dmarc_disable_verify
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct SpfFacts {
  auth_results::Result result = auth_results::Result::none;
  PeerText domain;  // of MAIL FROM; the HELO name for the null sender (section 3.1.2)
};
struct DkimFacts {  // one signature
  auth_results::Result result = auth_results::Result::none;
  PeerText domain;    // d=
  PeerText selector;  // s=
};
struct Facts {
  SpfFacts spf;
  std::vector<DkimFacts> dkim;
};

struct Outcome {
  Status status = Status::none;
  std::string text;         // $dmarc_status_text, in Exim's words where it has some: "None, Accept"
  std::string header_from;  // the Author Domain that decided; empty without one
  std::string used_domain;  // $dmarc_used_domain: where its record is; the Author Domain when there is none
  // $dmarc_domain_policy: p, or the sp or np that holds for the domain, before pct thins it out. Empty without a record.
  std::optional<Policy> domain_policy;
  bool spf_aligned = false;   // and passed
  bool dkim_aligned = false;  // and one passed
  bool sampled_out = false;   // pct left the message out: the next milder policy holds (section 6.6.4)
  auth_results::Dmarc authentication_result;
  std::optional<Record> record;
  std::string why;  // of a temporary error, for logs
};

// Whether `domain` is in alignment with the Author Domain `author` (section 3.1). `author` is as plain_domain() makes it.
[[nodiscard]] bool is_aligned(std::string_view domain, std::string_view author, AlignmentMode mode,
                              const psl::PublicSuffixList& suffixes);

// `roll` is random in [0, 100): a policy holds when it is below pct. Of several Author Domains the one with the strictest
// outcome decides (section 6.6.1).
[[nodiscard]] Outcome judge(const Discovery& discovery, const Facts& facts, const psl::PublicSuffixList& suffixes,
                            unsigned roll);

// What `dmarc_status` and the variables say when nothing was asked.
[[nodiscard]] Outcome switched_off();

// Exim's line in the main log for a message whose author has a record: "DMARC results: spf_domain=example.com
// dmarc_domain=example.com spf_align=yes dkim_align=no enforcement='Accept'". Empty without a record.
[[nodiscard]] std::string log_line(const Outcome& outcome, const Facts& facts);

}  // namespace postern::dmarc
