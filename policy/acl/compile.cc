#include "policy/acl/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/acl/conditions.h"
#include "policy/expand/compile.h"
#include "policy/expand/evaluate.h"
#include "policy/expand/nearest.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

using expand::ConfigText;
using smtp::CharClass;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_name_char(char c) noexcept { return smtp::is(CharClass::let_dig, c) || c == '_'; }

// The words of one line.
class LineReader {
 public:
  explicit LineReader(const ConfigText& line) : line_(line), text_(line.view()) { skip_space(); }

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }
  [[nodiscard]] bool take(char c) noexcept {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    skip_space();
    return true;
  }
  [[nodiscard]] std::string_view take_name() noexcept {
    const std::size_t begin = at_;
    while (!at_end() && is_name_char(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    skip_space();
    return name;
  }
  [[nodiscard]] ConfigText rest() const { return line_.slice(at_); }

 private:
  void skip_space() noexcept {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }

  const ConfigText& line_;
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string quoted(std::string_view word) { return fmt::format("\"{}\"", printable(word, 64)); }

class NoValues final : public expand::EvalContext {
 public:
  [[nodiscard]] std::string_view variable(expand::VariableId, std::string&) const override { return {}; }
};

// Whether the row that the text begins with is one that is not built.
template <class Row>
bool names_what_is_left_out(std::string_view text, std::span<const Row> rows) {
  const std::string_view name = lists::trim(text.substr(0, text.find_first_of("/=")));
  const auto row = std::ranges::find(rows, name, &Row::name);
  return row != rows.end() && !row->not_built.empty();
}

bool is_control_left_out(std::string_view text) { return names_what_is_left_out(text, controls()); }

bool is_verify_left_out(std::string_view text) {
  constexpr auto kOptions = std::to_array<std::string_view>({"quota", "hold"});
  return names_what_is_left_out(text, verifications()) ||
         std::ranges::any_of(kOptions, [&](std::string_view option) { return text.contains(option); });
}

class AclCompiler {
 public:
  AclCompiler(std::string name, lists::ListCompiler& lists, expand::Diagnostics& diagnostics, expand::CompileServices* services)
      : lists_(lists), diagnostics_(diagnostics), services_(services) {
    acl_.name = std::move(name);
  }

  void read_line(const ConfigText& line) {
    LineReader reader(line);
    const std::size_t begin = reader.at();
    const bool negated = reader.take('!');
    const std::size_t word_at = reader.at();
    const std::string_view word = reader.take_name();
    const VerbDef* const verb = find_verb(word);
    if (verb == nullptr) {
      if (acl_.statements.empty() && !in_bad_statement_) {
        in_bad_statement_ = true;
        return error(line, word_at, fmt::format("unknown ACL verb {}{}", quoted(word), expand::did_you_mean(word, verbs())));
      }
      return read_step(line, reader, begin, negated, word_at, word);
    }
    in_bad_statement_ = false;
    if (negated) error(line, begin, fmt::format("a verb cannot be negated: remove the ! before {}", quoted(word)));
    acl_.statements.push_back({verb->verb, {}, line.slice(word_at, word.size())});
    if (reader.at_end()) return;
    const std::size_t step_begin = reader.at();
    const bool step_negated = reader.take('!');
    const std::size_t step_at = reader.at();
    read_step(line, reader, step_begin, step_negated, step_at, reader.take_name());
  }

  [[nodiscard]] Acl take() { return std::move(acl_); }

 private:
  void error(const ConfigText& line, std::size_t at, std::string message) {
    diagnostics_.error(line.position(at), std::move(message));
  }

  void read_step(const ConfigText& line, LineReader& reader, std::size_t begin, bool negated, std::size_t word_at,
                 std::string_view word) {
    const ConditionDef* const def = find_condition(word);
    if (def == nullptr) return unknown_word(line, word_at, word);
    if (!def->not_built.empty())
      return error(line, word_at, fmt::format("{} cannot be used: {}", quoted(word), def->not_built));
    if (negated && !is_condition(*def))
      return error(line, begin, fmt::format("{} is a modifier and cannot be negated: remove the !", quoted(word)));
    if (def->check && services_ != nullptr) services_->wants(*def->check);
    Step step{def, negated, {}, line.slice(begin)};
    if (def->role == Role::endpass) {
      if (!allows_endpass()) return error(line, word_at, "\"endpass\" belongs to accept and discard only");
      if (!reader.at_end()) return error(line, reader.at(), "\"endpass\" takes no value");
    } else if (def->argument == ArgumentKind::assignment) {
      if (!read_assignment(line, reader, step.argument)) return;
    } else {
      if (!reader.take('=')) return error(line, reader.at(), fmt::format("\"=\" is missing after {}", quoted(word)));
      if (!read_argument(*def, reader.rest(), step.argument)) return;
    }
    if (!acl_.statements.empty() && !in_bad_statement_) acl_.statements.back().steps.push_back(std::move(step));
  }

  [[nodiscard]] bool allows_endpass() const noexcept {
    if (acl_.statements.empty()) return true;
    const Verb verb = acl_.statements.back().verb;
    return verb == Verb::accept || verb == Verb::discard;
  }

  void unknown_word(const ConfigText& line, std::size_t at, std::string_view word) {
    if (word.empty()) return error(line, at, "the name of a verb, a condition or a modifier is expected here");
    expand::Nearest nearest(word);
    for (const VerbDef& verb : verbs()) nearest.offer(verb.name);
    for (const ConditionDef& condition : conditions()) nearest.offer(condition.name);
    error(line, at, fmt::format("unknown ACL condition or modifier {}{}", quoted(word), nearest.question()));
  }

  bool read_argument(const ConditionDef& def, const ConfigText& text, Argument& argument) {
    switch (def.argument) {
      case ArgumentKind::none: return true;
      case ArgumentKind::domain_list: argument = lists_.domains(text, def.name, lists::Use::late); return true;
      case ArgumentKind::host_list: argument = lists_.hosts(text, def.name, lists::Use::late); return true;
      case ArgumentKind::address_list: argument = lists_.addresses(text, def.name, lists::Use::late); return true;
      case ArgumentKind::local_part_list: argument = lists_.local_parts(text, def.name, lists::Use::late); return true;
      case ArgumentKind::call: return read_call(text, argument);
      case ArgumentKind::control: return read_told<ControlSetting>(text, argument, read_control, is_control_left_out);
      case ArgumentKind::verify: return read_verify_words(text, argument);
      case ArgumentKind::rate: return read_told<ratelimit::RateWords>(text, argument, ratelimit::read_rate_words);
      case ArgumentKind::dnslists: return read_told<dnsbl::Dnslists>(text, argument, read_lists);
      case ArgumentKind::spf_results: return read_told<SpfResults>(text, argument, read_spf_results);
      case ArgumentKind::assignment:
      case ArgumentKind::text: break;
    }
    argument = expand::compile_late(text, diagnostics_, services_);
    return true;
  }

  bool read_verify_words(const ConfigText& text, Argument& argument) {
    if (!read_told<VerifyWords>(text, argument, read_verify, is_verify_left_out)) return false;
    const auto& told = std::get<Told<VerifyWords>>(argument);
    const bool may_want_arc = told.words ? told.words->def->what == VerifyWhat::arc : !told.text.is_constant();
    if (may_want_arc && services_ != nullptr) services_->wants(expand::Check::arc);
    return true;
  }

  // What a constant text says is read now, so that its mistakes are found now. `left_out` tells what Exim would take.
  template <class Words>
  bool read_told(
      const ConfigText& text, Argument& argument, std::optional<Words> (*read)(std::string_view, std::string&),
      bool (*left_out)(std::string_view) = [](std::string_view) { return false; }) {
    Told<Words> told;
    told.text = expand::compile_late(text, diagnostics_, services_);
    if (told.text.is_constant()) {
      std::string value;
      const NoValues nothing;
      if (expand::evaluate(told.text, nothing, value)) {
        std::string why;
        told.words = read(value, why);
        if (!told.words && left_out(value)) {
          error(text, 0, std::move(why));
          return false;
        }
        if (!told.words) diagnostics_.late(text.position(), std::move(why));
      }
    }
    argument = std::move(told);
    return true;
  }

  static std::optional<dnsbl::Dnslists> read_lists(std::string_view text, std::string& why) {
    dnsbl::DnslistsError what;
    std::optional<dnsbl::Dnslists> read = dnsbl::read_dnslists(text, what);
    if (!read) why = std::move(what.message);
    return read;
  }

  // "acl_m_x = value". Exim does not want a $ in front of the name; people write it.
  bool read_assignment(const ConfigText& line, LineReader& reader, Argument& argument) {
    const std::size_t at = reader.at();
    const bool has_dollar = reader.take('$');
    const std::string_view name = reader.take_name();
    const bool is_variable = name.size() > 5 && (name.starts_with("acl_c") || name.starts_with("acl_m")) &&
                             (name[5] == '_' || (name[5] >= '0' && name[5] <= '9'));
    if (!is_variable) {
      error(line, at,
            fmt::format("set: {} is no name of an ACL variable: it begins with acl_c or acl_m and goes on with a digit "
                        "or an underscore",
                        quoted(name)));
      return false;
    }
    if (has_dollar)
      diagnostics_.warning(line.position(at),
                           fmt::format("set: the name is written without $: set {} = ...", printable(name, 64)));
    if (!reader.take('=')) {
      error(line, reader.at(), fmt::format("\"=\" is missing after {}", quoted(name)));
      return false;
    }
    argument = Assignment{std::string(name), expand::compile_late(reader.rest(), diagnostics_, services_)};
    return true;
  }

  // Words between blanks; what stands in double quotes, or within braces, is one word.
  bool read_call(const ConfigText& text, Argument& argument) {
    AclCall call;
    const std::string_view all = text.view();
    std::size_t at = 0;
    while (true) {
      while (at < all.size() && is_space(all[at])) ++at;
      if (at >= all.size()) break;
      const bool is_quoted = all[at] == '"';
      const std::size_t begin = is_quoted ? at + 1 : at;
      const std::size_t end = is_quoted ? all.find('"', begin) : word_end(all, at);
      if (end == std::string_view::npos) {
        error(text, at, "the doublequote at the end of the word is missing");
        return false;
      }
      if (call.words.size() > kArgumentsMax) {
        error(text, at, fmt::format("acl: an ACL takes {} arguments at most", kArgumentsMax));
        return false;
      }
      call.words.push_back(expand::compile_late(text.slice(begin, end - begin), diagnostics_, services_));
      at = is_quoted ? end + 1 : end;
    }
    if (call.words.empty()) {
      error(text, 0, "acl: the name of an ACL is missing");
      return false;
    }
    argument = std::move(call);
    return true;
  }

  static std::size_t word_end(std::string_view text, std::size_t at) noexcept {
    std::size_t depth = 0;
    for (; at < text.size() && (depth > 0 || !is_space(text[at])); ++at) {
      if (text[at] == '{') ++depth;
      if (text[at] == '}' && depth > 0) --depth;
    }
    return at;
  }

  Acl acl_;
  lists::ListCompiler& lists_;
  expand::Diagnostics& diagnostics_;
  expand::CompileServices* services_;
  bool in_bad_statement_ = false;  // its verb could not be read: its conditions are still checked, and dropped
};

}  // namespace

Acl compile_acl(std::string name, std::span<const ConfigText> lines, lists::ListCompiler& lists,
                expand::Diagnostics& diagnostics, expand::CompileServices* services) {
  AclCompiler compiler(std::move(name), lists, diagnostics, services);
  for (const ConfigText& line : lines) compiler.read_line(line);
  return compiler.take();
}

std::vector<ConfigText> lines_of(const ConfigText& text) {
  std::vector<ConfigText> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.view().find('\n', at), text.size());
    std::size_t begin = at;
    while (begin < end && is_space(text.view()[begin])) ++begin;
    if (begin < end && text.view()[begin] != '#') lines.push_back(text.slice(begin, end - begin));
    at = end + 1;
  }
  return lines;
}

namespace {

// Where the word may stand; for controls and verifications that are known at load, where that one may.
Phases phases_of(const Step& step) {
  const auto* const control = std::get_if<Told<ControlSetting>>(&step.argument);
  if (control != nullptr && control->words) return control->words->def->phases;
  const auto* const verify = std::get_if<Told<VerifyWords>>(&step.argument);
  if (verify != nullptr && verify->words) return verify->words->def->phases;
  return step.def->phases;
}

std::string name_of(const Step& step) {
  const auto* const control = std::get_if<Told<ControlSetting>>(&step.argument);
  if (control != nullptr && control->words) return fmt::format("control = {}", control->words->def->name);
  const auto* const verify = std::get_if<Told<VerifyWords>>(&step.argument);
  if (verify != nullptr && verify->words) return fmt::format("verify = {}", verify->words->def->name);
  return std::string(step.def->name);
}

}  // namespace

void check_phase(const Acl& acl, Phase phase, expand::Diagnostics& diagnostics) {
  const auto refuse = [&](const ConfigText& source, std::size_t at, std::string_view name) {
    diagnostics.late(source.position(at),
                     fmt::format("\"{}\" is not allowed in the ACL for {}, and {} = {} makes this one", name,
                                 definition_of(phase).name, definition_of(phase).option, printable(acl.name, 64)));
  };
  for (const Statement& statement : acl.statements) {
    const VerbDef& verb = definition_of(statement.verb);
    if ((verb.phases & set_of(phase)) == 0) refuse(statement.source, 0, verb.name);
    for (const Step& step : statement.steps)
      if ((phases_of(step) & set_of(phase)) == 0) refuse(step.source, step.source.view().find(step.def->name), name_of(step));
  }
}

}  // namespace postern::acl
