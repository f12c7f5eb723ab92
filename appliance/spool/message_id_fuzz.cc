// Arbitrary bytes as a message id and as the file that ids are kept in: what parses is written the same again.
#include <cstdint>
#include <string_view>

#include "appliance/spool/message_id.h"
#include "appliance/spool/message_ids.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::spool;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = MessageId::parse(text)) {
    POSTERN_CHECK(id->view() == text);
    const MessageIdParts parts = id->parts();
    POSTERN_CHECK(MessageId(parts) == *id);
  }
  if (const auto state = parse_message_id_state(text))
    POSTERN_CHECK(parse_message_id_state(format_message_id_state(*state)) == state);
  return 0;
}
