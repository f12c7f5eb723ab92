// Any operator on any operand: the first byte says which one, the second which arguments it has.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/operators.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::expand;
  constexpr std::array<std::string_view, 8> kArguments = {"", "4", "-3_2", "5_62", "n", "384", "_", "99999999999_1"};
  if (size < 2) return 0;
  const OperatorDef& row = operators()[data[0] % operators().size()];
  if (row.apply == nullptr) return 0;
  const std::string_view operand(reinterpret_cast<const char*>(data + 2), size - 2);
  std::string out = "kept";
  std::string why;
  out.append(operand);
  const bool good = row.apply(out, 4, kArguments[data[1] % kArguments.size()], why);
  POSTERN_CHECK(out.starts_with("kept") && good == why.empty());
  POSTERN_CHECK(out.size() <= 4 + std::max(kOperatorOutputMin, 16 * operand.size()));
  return 0;
}
