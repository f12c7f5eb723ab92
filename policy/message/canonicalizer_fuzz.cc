// Canonical forms of a body: the same whole and cut, and what the RFC's text makes of the whole. The first byte says how to
// cut.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/message/body_hashes.h"
#include "policy/message/canonical_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::message;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t first = data[0] % 16U + 1;
  const std::size_t piece = data[0] / 16U + 1;
  for (const Canon canon : {Canon::simple, Canon::relaxed}) {
    const std::string whole = testing::canonical_body(canon, body, size, size);
    POSTERN_CHECK(whole == testing::expected_body(canon, body));
    POSTERN_CHECK(testing::canonical_body(canon, body, first, piece) == whole);
    // What is canonical stays as it is.
    POSTERN_CHECK(testing::canonical_body(canon, whole, first, piece) == whole);

    BodyHashes bodies;
    const std::uint64_t length = whole.size() * first / 16;
    const std::size_t number = bodies.ask(canon, crypto::Hash::sha256, length);
    for (std::string_view rest = body; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
      bodies.feed(rest.substr(0, piece));
    bodies.finish();
    crypto::Digest expected;
    POSTERN_CHECK(crypto::digest(crypto::Hash::sha256, std::string_view(whole).substr(0, length), expected));
    POSTERN_CHECK(bodies.get(number).digest.view() == expected.view());
  }
  return 0;
}
