#include "policy/lookup/services.h"

#include <utility>

namespace postern::lookup {

std::expected<expand::CompileServices::Lookup, std::string> find_lookup(Catalogue& catalogue, std::string_view written) {
  const std::expected<Handle, std::string> handle = catalogue.compile(written);
  if (!handle) return std::unexpected(handle.error());
  const Written& compiled = catalogue.at(*handle);
  expand::CompileServices::Lookup lookup;
  lookup.handle = *handle;
  lookup.query_style = compiled.query_style();
  lookup.quotes_peers = compiled.type->id == TypeId::redis;  // a command is words, and what is quoted is part of one
  lookup.may_wait = true;
  // The key that is given back is its asker's, but it was found among what the administrator keeps.
  lookup.bytes = compiled.type->peers_bytes ? expand::Bytes::peers : expand::Bytes::ours;
  return lookup;
}

bool is_lookup_type(std::string_view name) noexcept { return find_type(name) != nullptr; }

std::optional<Answer> lookup_now(Lookups& lookups, const expand::LookupQuestion& question, ResultCache* cache) {
  Found found;
  if (!lookups.find_now(question.lookup, question.file, question.key, found, cache)) return std::nullopt;
  return std::move(found.answer);
}

Task<Answer> lookup(Lookups& lookups, expand::LookupQuestion question, Wait wait, ResultCache* cache) {
  Found found = co_await lookups.find(question.lookup, std::string(question.file), std::string(question.key), wait, cache);
  co_return std::move(found.answer);
}

}  // namespace postern::lookup
