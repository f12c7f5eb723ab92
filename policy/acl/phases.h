// The points of a dialogue at which an ACL is asked, and the main option that names the ACL for each.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::acl {

enum class Phase : std::uint8_t {
  auth,
  connect,
  data,
  dkim,
  etrn,
  expn,
  helo,
  mail,
  mailauth,
  mime,
  notquit,
  predata,
  prdr,
  quit,
  rcpt,
  starttls,
  vrfy,
};
inline constexpr std::size_t kPhaseCount = static_cast<std::size_t>(Phase::vrfy) + 1;

// A set of phases.
using Phases = std::uint32_t;
[[nodiscard]] constexpr Phases set_of(Phase phase) noexcept { return Phases{1} << static_cast<unsigned>(phase); }
template <class... Rest>
[[nodiscard]] constexpr Phases set_of(Phase first, Rest... rest) noexcept {
  return set_of(first) | set_of(rest...);
}
inline constexpr Phases kAllPhases = (Phases{1} << kPhaseCount) - 1;

struct PhaseDef {
  Phase phase;
  std::string_view option;  // acl_smtp_...
  std::string_view name;    // as messages say it: "in the ACL for RCPT"
};

// In the order of Phase.
inline constexpr std::array<PhaseDef, kPhaseCount> kPhases = {{
    {Phase::auth, "acl_smtp_auth", "AUTH"},
    {Phase::connect, "acl_smtp_connect", "connection"},
    {Phase::data, "acl_smtp_data", "DATA"},
    {Phase::dkim, "acl_smtp_dkim", "DKIM"},
    {Phase::etrn, "acl_smtp_etrn", "ETRN"},
    {Phase::expn, "acl_smtp_expn", "EXPN"},
    {Phase::helo, "acl_smtp_helo", "EHLO or HELO"},
    {Phase::mail, "acl_smtp_mail", "MAIL"},
    {Phase::mailauth, "acl_smtp_mailauth", "MAILAUTH"},
    {Phase::mime, "acl_smtp_mime", "MIME"},
    {Phase::notquit, "acl_smtp_notquit", "NOTQUIT"},
    {Phase::predata, "acl_smtp_predata", "PREDATA"},
    {Phase::prdr, "acl_smtp_data_prdr", "PRDR"},
    {Phase::quit, "acl_smtp_quit", "QUIT"},
    {Phase::rcpt, "acl_smtp_rcpt", "RCPT"},
    {Phase::starttls, "acl_smtp_starttls", "STARTTLS"},
    {Phase::vrfy, "acl_smtp_vrfy", "VRFY"},
}};

[[nodiscard]] constexpr const PhaseDef& definition_of(Phase phase) noexcept { return kPhases[static_cast<std::size_t>(phase)]; }

static_assert([] {
  for (std::size_t i = 0; i < kPhaseCount; ++i)
    if (static_cast<std::size_t>(kPhases[i].phase) != i) return false;
  return true;
}());

}  // namespace postern::acl
