// A dialogue and what it is given, for tests that play the server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bench/load/dialogue.h"

namespace postern::load {

// A schedule of a few messages, due when `due` says so.
class TestSource final : public MessageSource {
 public:
  explicit TestSource(std::uint64_t count) : left_(count) {}
  [[nodiscard]] std::optional<Due> take(Instant now) override {
    if (left_ == 0 || !due) return std::nullopt;
    --left_;
    return Due{since.value_or(now), number_++};
  }
  [[nodiscard]] bool is_over() const override { return left_ == 0; }

  bool due = true;
  std::optional<Instant> since;  // the time of taking otherwise

 private:
  std::uint64_t left_;
  std::uint64_t number_ = 0;
};

struct TestScript {
  std::size_t recipients = 1;
  std::size_t pipeline = 1;
  bool bdat = false;
  std::uint64_t per_connection = 0;
  bool quit = true;
};

class TestDialogue {
 public:
  explicit TestDialogue(std::uint64_t messages, const TestScript& script = {})
      : script_{.envelope = Envelope("s@x", "r%r@x", script.recipients),
                .messages = Messages(*SizeDistribution::parse("200")),
                .helo = "me",
                .pipeline = script.pipeline,
                .bdat = script.bdat,
                .per_connection = script.per_connection,
                .quit = script.quit},
        source(messages),
        dialogue(script_, source, figures, pool_, random_) {}

  // What the dialogue says to `bytes`.
  std::string says(std::string_view bytes) {
    Chain out;
    dialogue.receive(bytes, now, out);
    return out.to_string();
  }
  // What it says when it looks at its source again.
  std::string looks_again() {
    Chain out;
    dialogue.look_again(now, out);
    return out.to_string();
  }
  // The message that every transaction sends.
  [[nodiscard]] std::string text() {
    SeededRandom random(1);
    return std::string(script_.messages.draw(random).without_dot().text);
  }
  [[nodiscard]] std::uint64_t replies(Step step, int code) const {
    return figures.counts.replies[static_cast<std::size_t>(step)][static_cast<std::size_t>(code)];
  }
  [[nodiscard]] std::uint64_t failures(Failure failure) const {
    return figures.counts.failures[static_cast<std::size_t>(failure)];
  }

 private:
  BlockPool pool_;
  SeededRandom random_{1};
  Script script_;

 public:
  Instant now{1'000'000'000};
  TestSource source;
  Figures figures;
  Dialogue dialogue;
};

}  // namespace postern::load
