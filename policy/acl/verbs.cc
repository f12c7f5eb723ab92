#include "policy/acl/verbs.h"

#include <algorithm>
#include <array>

namespace postern::acl {

namespace {

// The outcome of QUIT and of a lost connection is not in anybody's hands.
constexpr Phases kAnswered = kAllPhases & ~set_of(Phase::quit, Phase::notquit);
constexpr Phases kMessage = set_of(Phase::mail, Phase::rcpt, Phase::mime, Phase::dkim, Phase::data, Phase::prdr);

// In the order of Verb, which is that of the alphabet.
constexpr auto kVerbs = std::to_array<VerbDef>({
    {"accept", Verb::accept, kAllPhases},
    {"defer", Verb::defer, kAnswered},
    {"deny", Verb::deny, kAnswered},
    {"discard", Verb::discard, kMessage},
    {"drop", Verb::drop, kAnswered},
    {"require", Verb::require, kAnswered},
    {"warn", Verb::warn, kAllPhases},
});
static_assert(std::ranges::is_sorted(kVerbs, {}, &VerbDef::name));
static_assert(std::ranges::is_sorted(kVerbs, {}, &VerbDef::verb));

}  // namespace

std::span<const VerbDef> verbs() noexcept { return kVerbs; }

const VerbDef* find_verb(std::string_view name) noexcept {
  const auto* const found = std::ranges::lower_bound(kVerbs, name, {}, &VerbDef::name);
  return found != kVerbs.end() && found->name == name ? found : nullptr;
}

const VerbDef& definition_of(Verb verb) noexcept { return kVerbs[static_cast<std::size_t>(verb)]; }

}  // namespace postern::acl
