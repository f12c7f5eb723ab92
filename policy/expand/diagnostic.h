// What a load has to say about a configuration: all of it, not the first complaint only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "policy/expand/config_text.h"

namespace postern::expand {

enum class Severity : std::uint8_t {
  warning,  // it loads, and something in it has no effect
  late,     // it loads, and fails where it is used, as with Exim, which finds it only then
  error,    // it does not load
};

struct Diagnostic {
  Severity severity;
  std::string file;
  std::uint32_t line = 0;  // 0 when the complaint is about the file as a whole
  std::uint32_t column = 0;
  std::string message;  // names the word and the remedy; no trailing full stop

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// Collects them. Beyond kMax only the count grows, so that a hostile file cannot fill memory.
class Diagnostics {
 public:
  static constexpr std::size_t kMax = 1000;

  void error(const Position& at, std::string message) { add(Severity::error, at, std::move(message)); }
  void late(const Position& at, std::string message) { add(Severity::late, at, std::move(message)); }
  void warning(const Position& at, std::string message) { add(Severity::warning, at, std::move(message)); }
  void add(Severity severity, const Position& at, std::string message) {
    if (severity == Severity::error) ++errors_;
    if (all_.size() < kMax) all_.push_back({severity, std::string(at.file), at.line, at.column, std::move(message)});
  }

  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const noexcept { return all_; }
  [[nodiscard]] std::vector<Diagnostic> take() { return std::exchange(all_, {}); }

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
};

}  // namespace postern::expand
