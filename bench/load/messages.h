// The texts that are sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/sizes.h"
#include "engine/base/random.h"

namespace postern::load {

// Made once; nothing is composed or copied while the load runs. Immutable; outlives the streams that send its texts.
class Messages {
 public:
  explicit Messages(SizeDistribution sizes);
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;

  struct Text {
    std::size_t bytes = 0;  // of the message alone
    std::string_view text;  // borrowed from Messages
    std::string_view rest;  // comes behind `text`; often empty

    // As BDAT sends it.
    [[nodiscard]] Text without_dot() const noexcept;
  };
  // A message of a size that the distribution gives, to the byte: a header, lines of 76 letters, no dot at the start of a line.
  // As DATA sends it, with the line that ends it.
  [[nodiscard]] Text draw(Random& random) const;

 private:
  SizeDistribution sizes_;
  std::vector<std::string> texts_;  // one for each share of sizes_, as long as its longest message
};

}  // namespace postern::load
