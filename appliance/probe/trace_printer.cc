#include "appliance/probe/trace_printer.h"

#include <fmt/format.h>

#include "engine/base/peer_text.h"

namespace postern::probe {

namespace {

constexpr std::size_t kShownMax = 2048;

std::string_view verdict_text(acl::AclVerdict verdict) {
  switch (verdict) {
    case acl::AclVerdict::accept: return "ACCEPT";
    case acl::AclVerdict::deny: return "DENY";
    case acl::AclVerdict::defer: return "DEFER";
    case acl::AclVerdict::drop: return "DROP";
    case acl::AclVerdict::discard: return "DISCARD";
  }
  return {};
}

std::string_view outcome_text(std::string_view result) {
  if (result == "true") return "succeeded";
  return result == "false" ? "failed" : result;
}

std::string_view answer_text(std::string_view result) {
  if (result == "true") return "yes";
  return result == "false" ? "no" : result;
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text, kShownMax)); }

// As it stands in the configuration: a backslash is one.
std::string written(std::string_view source) {
  std::string text = printable(source, kShownMax);
  for (std::size_t at = text.find("\\\\"); at != text.npos; at = text.find("\\\\", at + 1)) text.erase(at, 1);
  return text;
}

std::string because(std::string_view why) {
  return why.empty() ? std::string() : fmt::format(" ({})", printable(why, kShownMax));
}

}  // namespace

void TracePrinter::say(unsigned depth, std::string_view text) { print_(fmt::format(">>> {:{}}{}\n", "", 4 * depth, text)); }

void TracePrinter::asks(acl::Phase phase, const acl::Acl& acl) {
  say(0, fmt::format("using ACL {} for {}", quoted(acl.name), acl::definition_of(phase).name));
}

void TracePrinter::begins(const acl::Acl&, const acl::Statement& statement, unsigned depth) {
  const expand::Position place = statement.source.position();
  say(depth, fmt::format("processing {} ({} {})", quoted(statement.source.view()), place.file, place.line));
}

void TracePrinter::did(const acl::StepTrace& step, unsigned depth) {
  const std::string source = written(step.source);
  if (step.result.empty()) {
    say(depth, fmt::format("  {}", source));
    return say(depth, fmt::format("    {}{}", quoted(step.value), because(step.why)));
  }
  if (step.result == "asked") return say(depth, fmt::format("  check {}", source));
  if (!step.value.empty()) say(depth, fmt::format("  check {}", source));
  const bool is_turned = step.negated && (step.result == "true" || step.result == "false");
  const std::string_view turned = !is_turned ? "" : step.result == "true" ? ", and with ! no" : ", and with ! yes";
  const std::string what = step.value.empty() ? "check " + source : "  " + quoted(step.value);
  say(depth, fmt::format("  {}? {}{}{}", what, answer_text(step.result), because(step.why), turned));
}

void TracePrinter::judged(const acl::Acl& acl, const acl::Statement& statement, std::string_view result, unsigned depth) {
  say(depth, fmt::format("{}: condition test {} in ACL {}", statement.source.view(), outcome_text(result), quoted(acl.name)));
}

void TracePrinter::ended(const acl::Acl& acl, const acl::AclOutcome& outcome, bool implicit, unsigned depth) {
  say(depth, fmt::format("end of ACL {}: {}{}", quoted(acl.name), implicit ? "implicit " : "", verdict_text(outcome.verdict)));
}

void TracePrinter::delay(std::int64_t ms) { say(0, fmt::format("  delay of {}.{:03}s passed over", ms / 1'000, ms % 1'000)); }

void TracePrinter::write(log::Stream stream, std::string_view line) {
  constexpr std::string_view kNames[] = {"main", "reject", "panic"};
  print_(fmt::format("LOG: {}: {}\n", kNames[static_cast<std::size_t>(stream)], line));
}

}  // namespace postern::probe
