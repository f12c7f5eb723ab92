// The hashes of a body that its signatures ask for, each computed once while the body passes: RFC 6376 section 3.7, RFC 8617
// section 4.1.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "policy/crypto/digest.h"
#include "policy/crypto/hasher.h"
#include "policy/message/canonical.h"

namespace postern::message {

struct BodyHash {
  // The library had the hash, and the body has ended.
  bool known = false;
  crypto::Digest digest;
  // Bytes of the canonical body, and how many of them the hash covers. Fewer than were asked for: the body is shorter.
  std::uint64_t body_bytes = 0;
  std::uint64_t hashed_bytes = 0;
};

// One message's. Signatures of all kinds ask before the body's first byte; whoever has the body feeds it. A hash with several
// lengths costs one pass. At most two forms and the hashes that there are: six passes.
class BodyHashes {
 public:
  static constexpr std::uint64_t kWhole = ~std::uint64_t{0};

  BodyHashes();
  ~BodyHashes();
  BodyHashes(const BodyHashes&) = delete;
  BodyHashes& operator=(const BodyHashes&) = delete;

  // The hash of the first `length` canonical bytes, or of all. Returns its number, the same for the same question.
  [[nodiscard]] std::size_t ask(Canon canon, crypto::Hash hash, std::uint64_t length = kWhole);
  // Whether anybody asked: otherwise the body need not be fed.
  [[nodiscard]] bool wanted() const noexcept { return !questions_.empty(); }

  // Bytes behind the header block, the empty line left out; cut anywhere, borrowed for the call.
  void feed(std::string_view bytes);
  // The body has ended. A second call does nothing.
  void finish();
  [[nodiscard]] BodyHash get(std::size_t number) const;

 private:
  class Pass;
  class Form;
  struct Question {
    Canon canon;
    crypto::Hash hash;
    std::uint64_t length;
    crypto::Digest digest;
    std::uint64_t hashed_bytes = 0;
    bool known = false;
  };

  std::vector<Question> questions_;
  std::unique_ptr<Form> forms_[2];
  bool finished_ = false;
};

}  // namespace postern::message
