// What is taken out of a text that reads as JSON reads as JSON too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/text_json.h"

namespace {

using namespace postern::expand;

void walk(std::string_view text, JsonReader::Kind kind) {
  JsonReader reader(text, kind);
  std::string_view key;
  std::string_view value;
  for (std::size_t i = 0; reader.next(key, value) == JsonStep::value; ++i) {
    POSTERN_CHECK(i < text.size() && !value.empty());
    POSTERN_CHECK(value.data() >= text.data() && value.data() + value.size() <= text.data() + text.size());
    POSTERN_CHECK(json_value_length(value) == value.size());
    const std::string_view before = value;
    if (strip_json_quotes(value)) POSTERN_CHECK(value.size() + 2 == before.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  POSTERN_CHECK(json_value_length(text) <= size);
  walk(text, JsonReader::Kind::array);
  walk(text, JsonReader::Kind::object);
  return 0;
}
