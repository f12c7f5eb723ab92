#include "policy/message/body_hashes.h"

#include <algorithm>

#include "engine/base/check.h"

namespace postern::message {

// One hash over one canonical form. Where somebody wants only the first bytes, the digest so far is noted on the way.
class BodyHashes::Pass {
 public:
  Pass(crypto::Hash hash) : hash_(hash), hasher_(hash) {}

  [[nodiscard]] crypto::Hash hash() const noexcept { return hash_; }
  void add(std::size_t number, std::uint64_t length) {
    wanted_.push_back({length, number});
    std::ranges::sort(wanted_, {}, &Wanted::length);
  }

  void update(std::string_view bytes, std::vector<Question>& questions) {
    while (next_ < wanted_.size() && !bytes.empty()) {
      const std::uint64_t left = wanted_[next_].length - taken_;
      const std::string_view piece = bytes.substr(0, std::min<std::uint64_t>(left, bytes.size()));
      hasher_.update(piece);
      taken_ += piece.size();
      bytes.remove_prefix(piece.size());
      note_reached(questions);
    }
  }
  // The body ends: what is still open covers all of it.
  void finish(std::vector<Question>& questions) {
    for (; next_ < wanted_.size(); ++next_) note(questions[wanted_[next_].number]);
  }

 private:
  struct Wanted {
    std::uint64_t length;
    std::size_t number;
  };

  void note_reached(std::vector<Question>& questions) {
    for (; next_ < wanted_.size() && wanted_[next_].length == taken_; ++next_) note(questions[wanted_[next_].number]);
  }
  void note(Question& question) {
    question.known = hasher_.snapshot(question.digest);
    question.hashed_bytes = taken_;
  }

  crypto::Hash hash_;
  crypto::Hasher hasher_;
  std::uint64_t taken_ = 0;
  std::vector<Wanted> wanted_;  // by length
  std::size_t next_ = 0;        // the first that is not noted
};

class BodyHashes::Form final : private CanonicalSink {
 public:
  Form(Canon canon, std::vector<Question>& questions) noexcept : questions_(questions), canonicalizer_(canon, *this) {}

  void add(crypto::Hash hash, std::size_t number, std::uint64_t length) {
    const auto found = std::ranges::find(passes_, hash, &Pass::hash);
    Pass& pass = found == passes_.end() ? passes_.emplace_back(hash) : *found;
    pass.add(number, length);
  }
  void feed(std::string_view bytes) { canonicalizer_.feed(bytes); }
  void finish() {
    canonicalizer_.finish();
    for (Pass& pass : passes_) pass.finish(questions_);
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  void canonical(std::string_view bytes) override {
    bytes_ += bytes.size();
    for (Pass& pass : passes_) pass.update(bytes, questions_);
  }

  std::vector<Question>& questions_;
  BodyCanonicalizer canonicalizer_;
  std::vector<Pass> passes_;
  std::uint64_t bytes_ = 0;
};

BodyHashes::BodyHashes() = default;
BodyHashes::~BodyHashes() = default;

std::size_t BodyHashes::ask(Canon canon, crypto::Hash hash, std::uint64_t length) {
  POSTERN_CHECK(!finished_);
  const auto same = std::ranges::find_if(questions_, [&](const Question& question) {
    return question.canon == canon && question.hash == hash && question.length == length;
  });
  if (same != questions_.end()) return static_cast<std::size_t>(same - questions_.begin());
  const std::size_t number = questions_.size();
  questions_.push_back({.canon = canon, .hash = hash, .length = length});
  std::unique_ptr<Form>& form = forms_[static_cast<std::size_t>(canon)];
  if (!form) form = std::make_unique<Form>(canon, questions_);
  form->add(hash, number, length);
  return number;
}

void BodyHashes::feed(std::string_view bytes) {
  for (const auto& form : forms_)
    if (form) form->feed(bytes);
}

void BodyHashes::finish() {
  if (std::exchange(finished_, true)) return;
  for (const auto& form : forms_)
    if (form) form->finish();
}

BodyHash BodyHashes::get(std::size_t number) const {
  const Question& question = questions_[number];
  return {.known = question.known,
          .digest = question.digest,
          .body_bytes = forms_[static_cast<std::size_t>(question.canon)]->bytes(),
          .hashed_bytes = question.hashed_bytes};
}

}  // namespace postern::message
