// Files of lsearch and its kin: every item of any file can be read, and what the index finds is what a scan finds.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "policy/lookup/key_table.h"
#include "policy/lookup/lsearch_text.h"
#include "policy/lookup/text_index.h"

namespace postern::lookup {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr TypeId kTypes[] = {TypeId::lsearch, TypeId::wildlsearch, TypeId::nwildlsearch, TypeId::iplsearch};
  const TypeId type = kTypes[data[0] % 4];
  const std::string file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::unique_ptr<const TextIndex> index = TextIndex::make(type, file);

  LsearchItems items(file);
  std::string scratch;
  std::size_t looked_at = 0;
  while (const auto offset = items.next()) {
    POSTERN_CHECK(*offset < file.size());
    const LsearchKey key = lsearch_key(file, *offset, scratch);
    POSTERN_CHECK(key.behind <= key.line_end && key.line_end <= file.size());
    std::string all;
    lsearch_data(file, key, true, all);
    POSTERN_CHECK(all.starts_with(key.text) && all.size() <= file.size() + 1);
    if (++looked_at > 50) continue;
    std::string value;
    std::string why;
    const std::string asked(key.text);
    const TextIndex::Outcome outcome = index->find(asked, false, value, why);
    if (type != TypeId::lsearch) continue;
    POSTERN_CHECK((outcome == TextIndex::Outcome::found) == !asked.empty());
    std::string first;
    LsearchItems scan(file);
    while (const auto at = scan.next()) {
      const LsearchKey other = lsearch_key(file, *at, scratch);
      if (!equal_caseless(other.text, asked)) continue;
      lsearch_data(file, other, false, first);
      break;
    }
    POSTERN_CHECK(asked.empty() || value == first);
  }
  return 0;
}

}  // namespace postern::lookup
