// Lookups as expansions ask for them (policy/expand/services.h): what an implementation of those interfaces calls.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

// For CompileServices.
[[nodiscard]] std::expected<expand::CompileServices::Lookup, std::string> find_lookup(Catalogue& catalogue,
                                                                                      std::string_view written);
// For ${quote_TYPE:}: those that are not built are types, too.
[[nodiscard]] bool is_lookup_type(std::string_view name) noexcept;

// For Services. `cache` is the message's.
[[nodiscard]] std::optional<Answer> lookup_now(Lookups& lookups, const expand::LookupQuestion& question,
                                               ResultCache* cache = nullptr);
// Copies what it needs of the question before it suspends.
[[nodiscard]] Task<Answer> lookup(Lookups& lookups, expand::LookupQuestion question, Wait wait, ResultCache* cache = nullptr);

}  // namespace postern::lookup
