// Tag lists: within their bounds, each tag as it stands in the text, and the same when written anew.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/message/signature_words.h"
#include "policy/message/tag_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::message;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = TagList::read(PeerView(text));
  if (list) {
    POSTERN_CHECK(!list->tags().empty() && list->tags().size() <= TagList::kTagsMax && size <= TagList::kBytesMax);
    std::string again;
    for (const Tag& tag : list->tags()) {
      POSTERN_CHECK(tag.value_begin <= tag.value_end && tag.value_end <= size);
      const std::string_view value = text.substr(tag.value_begin, tag.value_end - tag.value_begin);
      POSTERN_CHECK(trim_folding_space(value) == tag.value.view());
      POSTERN_CHECK(list->find(tag.name.view()) == &tag);
      again += std::string(tag.name.view()) + "=" + std::string(tag.value.view()) + ";";
    }
    const auto reread = TagList::read(PeerView(again));
    POSTERN_CHECK(again.size() > TagList::kBytesMax || reread.has_value());
    if (reread) {
      POSTERN_CHECK(reread->tags().size() == list->tags().size());
      for (std::size_t i = 0; i < list->tags().size(); ++i) POSTERN_CHECK(reread->tags()[i].value == list->tags()[i].value);
    }
  }
  if (const auto algorithm = read_algorithm(text)) POSTERN_CHECK(read_algorithm(to_string(*algorithm)) == algorithm);
  if (const auto names = read_field_names(text)) POSTERN_CHECK(names->size() <= kSignedNamesMax);
  std::string unquoted;
  if (append_unquoted(unquoted, text)) POSTERN_CHECK(unquoted.size() <= size);
  return 0;
}
