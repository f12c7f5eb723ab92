// What the limit program makes of a client's bytes does not depend on how they arrive, and stays within its bounds.
#include <string>
#include <string_view>

#include "bench/limit/dialogue.h"
#include "engine/base/check.h"

namespace {

using postern::limit::Dialogue;

std::string hear(std::string_view input, std::size_t piece_bytes) {
  Dialogue dialogue;
  std::string heard;
  while (!input.empty() && dialogue.state() != Dialogue::State::broken) {
    const std::size_t taken = dialogue.read(input.substr(0, piece_bytes), heard);
    POSTERN_CHECK(taken > 0 && taken <= piece_bytes);
    input.remove_prefix(taken);
    POSTERN_CHECK(dialogue.message().size() <= Dialogue::kMessageBytesMax + piece_bytes);
    if (dialogue.state() != Dialogue::State::complete) continue;
    heard += dialogue.message();
    dialogue.answer("250 taken\r\n", heard);
  }
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = hear(input, input.size() + 1);
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}}) POSTERN_CHECK(hear(input, piece_bytes) == whole);
  return 0;
}
