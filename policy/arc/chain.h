// The ARC Sets of a message as they stand in its header, and whether they can be a chain: RFC 8617 section 5.2, steps 1 to 3.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/smtp/header_view.h"
#include "policy/arc/fields.h"
#include "policy/crypto/hasher.h"
#include "policy/message/header_index.h"

namespace postern::arc {

// Pointers lead into the HeaderIndex. null: there is no such field.
struct Set {
  const smtp::HeaderField* results_field = nullptr;
  const smtp::HeaderField* signature_field = nullptr;
  const smtp::HeaderField* seal_field = nullptr;
  AuthenticationResults results;
  MessageSignature signature;
  Seal seal;

  [[nodiscard]] bool is_whole() const noexcept { return results_field && signature_field && seal_field; }
};

struct ReceivedChain {
  // Those of instances 1 to the highest that was seen, in that order; at most kInstanceMax. Where an instance stands twice, the
  // upper field.
  std::vector<Set> sets;
  // Why this is no chain, in Exim's words where it has some: "i=2 (missing header)". Empty: it may be one.
  std::string fault;
  // A newest seal says cv=fail: nothing more is to be looked at, nor to be added (section 5.1.2).
  bool ended = false;
};

// Pure.
[[nodiscard]] ReceivedChain read_chain(const message::HeaderIndex& headers);

// What a seal covers of the sets below and of its own, in canonical form (section 5.1.1): all three fields of a set, or the two
// that stand before its seal.
void add_set(crypto::Hasher& hasher, const Set& set);
void add_results_and_signature(crypto::Hasher& hasher, const smtp::HeaderField& results, const smtp::HeaderField& signature);
// What stands last in what a signature or a seal covers: its own field, its b= empty.
void add_own(crypto::Hasher& hasher, const smtp::HeaderField& field, std::size_t cut_begin, std::size_t cut_end);

}  // namespace postern::arc
