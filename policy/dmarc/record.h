// The DMARC policy record: RFC 7489 sections 6.3 and 6.4, with np of RFC 9091.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dmarc {

inline constexpr std::size_t kRecordBytesMax = 4096;
inline constexpr std::size_t kTagsMax = 64;
inline constexpr std::size_t kReportUrisMax = 16;  // of rua, and of ruf; further ones are not looked at

// In the order of strictness.
enum class Policy : std::uint8_t { none, quarantine, reject };
[[nodiscard]] std::string_view to_string(Policy policy) noexcept;

enum class AlignmentMode : std::uint8_t { relaxed, strict };

// The tag fo: when its owner wants a failure report.
struct FailureOptions {
  bool all_failed = true;    // 0: nothing gave an aligned pass
  bool any_failed = false;   // 1: something gave none
  bool dkim_failed = false;  // d: a signature did not verify, aligned or not
  bool spf_failed = false;   // s
};

struct ReportUri {
  std::string uri;                         // checked: a scheme, and printable ASCII without ! , ;
  std::optional<std::uint64_t> bytes_max;  // of the suffix: "!10m"
};

struct Record {
  Policy policy = Policy::none;              // p
  std::optional<Policy> subdomain_policy;    // sp
  std::optional<Policy> nonexistent_policy;  // np
  AlignmentMode dkim_alignment = AlignmentMode::relaxed;
  AlignmentMode spf_alignment = AlignmentMode::relaxed;
  unsigned percent = 100;
  std::uint32_t report_interval_s = 86400;
  FailureOptions failure_options;
  bool wants_afrf = true;                 // false when rf names other formats only
  std::vector<ReportUri> aggregate_uris;  // rua
  std::vector<ReportUri> failure_uris;    // ruf
};

// True when `text` begins with the version tag: other TXT records at the name do not count (section 6.6.3 step 2).
[[nodiscard]] bool is_record(std::string_view text) noexcept;

// Reads a record. Without a valid p, or with an invalid sp, it is p=none when a rua names where to report that, and nothing
// otherwise (section 6.6.3 step 6). Nothing as well for a tag list that breaks its grammar or names a tag twice (RFC 6376
// section 3.2), or a bound. Other faulty values are their defaults (section 6.3). Pure.
[[nodiscard]] std::optional<Record> read_record(std::string_view text);

// The tags of a tag list, as far as one asks for rua and ruf: the report authorization record of section 7.1, which has no p.
// Nothing when it is none.
struct ReportAuthorization {
  std::vector<ReportUri> aggregate_uris;
  std::vector<ReportUri> failure_uris;
};
[[nodiscard]] std::optional<ReportAuthorization> read_report_authorization(std::string_view text);

}  // namespace postern::dmarc
