// Any text is words of a rate or is refused; any file is a table or is refused, and what was read of it is written again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/ratelimit/rate_table.h"
#include "policy/ratelimit/rate_words.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ratelimit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string why;
  if (const auto words = read_rate_words(text, why)) POSTERN_CHECK(words->period_s > 0 && words->limit >= 0);
  const auto all = [](std::string_view, const void*) { return true; };
  RateTable table;
  static_cast<void>(table.load(text, all, nullptr));
  RateTable again;
  RateTable::Saving saving(table);
  while (saving.add_slice()) {}
  POSTERN_CHECK(again.load(saving.take(), all, nullptr));
  POSTERN_CHECK(again.keys() == table.keys());
  return 0;
}
