#include "policy/arc/chain.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "policy/message/canonical.h"

namespace postern::arc {

namespace {

using message::Canon;
using smtp::HeaderField;

std::string at(std::size_t instance, std::string_view what) {
  return "i=" + std::to_string(instance) + " (" + std::string(what) + ')';
}

// Collects fields; of all faults the first counts.
class Collector {
 public:
  explicit Collector(const message::HeaderIndex& headers) noexcept : headers_(headers) {}

  [[nodiscard]] ReceivedChain collect() {
    each(kSealField, [this](const HeaderField& field) { add_seal(field); });
    each(kSignatureField, [this](const HeaderField& field) {
      MessageSignature signature;
      const Fault fault = read_message_signature(field.value, signature);
      keep(field, kSignatureField, fault, std::move(signature), &Set::signature_field, &Set::signature);
    });
    each(kResultsField, [this](const HeaderField& field) {
      AuthenticationResults results;
      const Fault fault = read_authentication_results(field.value, results);
      keep(field, kResultsField, fault, std::move(results), &Set::results_field, &Set::results);
    });
    chain_.ended = newest_failed_ != 0 && newest_failed_ == chain_.sets.size();
    if (chain_.ended) chain_.fault = at(newest_failed_, "cv");
    if (chain_.fault.empty()) chain_.fault = structure_fault();
    return std::move(chain_);
  }

 private:
  template <class Add>
  void each(std::string_view name, Add&& add) {
    std::size_t seen = 0;
    for (const std::size_t place : headers_.places(name)) {
      if (seen++ == kInstanceMax) {
        note("more than " + std::to_string(kInstanceMax) + " sets");
        return;
      }
      add(headers_.fields()[place]);
    }
  }

  void add_seal(const HeaderField& field) {
    Seal seal;
    const Fault fault = read_seal(field.value, seal);
    if (fault == Fault::none && seal.status == ChainStatus::fail) newest_failed_ = std::max(newest_failed_, seal.instance);
    keep(field, kSealField, fault, std::move(seal), &Set::seal_field, &Set::seal);
  }

  template <class Read>
  void keep(const HeaderField& field, std::string_view name, Fault fault, Read read, const HeaderField* Set::* place,
            Read Set::* into) {
    if (fault != Fault::none) note_fault(name, read.instance, fault);
    if (read.instance == 0) return;
    if (chain_.sets.size() < read.instance) chain_.sets.resize(read.instance);
    Set& set = chain_.sets[read.instance - 1];
    if (set.*place != nullptr) return note(at(read.instance, "duplicate header"));
    set.*place = &field;
    set.*into = std::move(read);
  }

  void note_fault(std::string_view name, unsigned instance, Fault fault) {
    const std::string what = std::string(name) + ": " + std::string(to_string(fault));
    note(instance == 0 ? what : at(instance, what));
  }
  void note(std::string fault) {
    if (chain_.fault.empty()) chain_.fault = std::move(fault);
  }

  // Step 3.
  [[nodiscard]] std::string structure_fault() const {
    for (std::size_t i = 0; i < chain_.sets.size(); ++i) {
      const Set& set = chain_.sets[i];
      if (!set.results_field && !set.signature_field && !set.seal_field) return at(i + 1, "sequence; no such set");
      if (!set.is_whole()) return at(i + 1, "missing header");
      if (set.seal.status != (i == 0 ? ChainStatus::none : ChainStatus::pass)) return at(i + 1, "cv");
    }
    return {};
  }

  const message::HeaderIndex& headers_;
  ReceivedChain chain_;
  unsigned newest_failed_ = 0;  // the highest instance of a seal that says cv=fail
};

void add_field(crypto::Hasher& hasher, const HeaderField& field) {
  std::string text;
  message::append_canonical(text, Canon::relaxed, field);
  hasher.update(text);
}

}  // namespace

ReceivedChain read_chain(const message::HeaderIndex& headers) { return Collector(headers).collect(); }

void add_results_and_signature(crypto::Hasher& hasher, const HeaderField& results, const HeaderField& signature) {
  add_field(hasher, results);
  add_field(hasher, signature);
}

void add_set(crypto::Hasher& hasher, const Set& set) {
  add_results_and_signature(hasher, *set.results_field, *set.signature_field);
  add_field(hasher, *set.seal_field);
}

void add_own(crypto::Hasher& hasher, const HeaderField& field, std::size_t cut_begin, std::size_t cut_end) {
  std::string text;
  message::append_canonical_signature(text, Canon::relaxed, field, cut_begin, cut_end);
  hasher.update(text);
}

}  // namespace postern::arc
