#include "policy/expand/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/compiler.h"
#include "policy/expand/escape.h"
#include "policy/expand/nearest.h"
#include "policy/expand/operators.h"

namespace postern::expand {

namespace {

using smtp::CharClass;
using smtp::is;

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_name_char(char c) noexcept { return is(CharClass::let_dig, c) || c == '_'; }
constexpr bool is_header_char(char c) noexcept { return c > ' ' && c < 127 && c != ':'; }

// Operators of whose operand nothing is left in the result.
constexpr std::array<std::string_view, 17> kMakeOurs = {
    "base62", "base62d", "eval", "eval10", "listcount", "md5",           "nh",    "nhash", "randint", "sha1",
    "sha2",   "sha256",  "sha3", "stat",   "time_eval", "time_interval", "strlen"};

}  // namespace

std::optional<Program> Compiler::run() {
  Known known;
  if (!read_sequence(false, known)) return std::nullopt;
  program_.has_peers_bytes_ = known.may_be_peers;
  program_.source_ = source_;
  return std::move(program_);
}

void Compiler::skip_space() noexcept {
  while (!at_end() && is_space(source_[at_])) ++at_;
}

std::string_view Compiler::take_while(bool (*wanted)(char) noexcept) noexcept {
  const std::size_t begin = at_;
  while (!at_end() && wanted(source_[at_])) ++at_;
  return source_.substr(begin, at_ - begin);
}

bool Compiler::fail(std::size_t where, std::string reason, std::string remedy) {
  error_at_ = fixed_at_.value_or(where);
  reason_ = std::move(reason);
  remedy_ = std::move(remedy);
  return false;
}

bool Compiler::leave_out(std::size_t where, std::string reason) {
  is_left_out_ = true;
  return fail(where, std::move(reason));
}

std::uint32_t Compiler::emit(Instruction instruction) {
  program_.code_.push_back(instruction);
  ++work_;
  return here() - 1;
}

std::uint32_t Compiler::emit_named(Op op, std::string_view name, std::uint8_t flag) {
  const auto at = static_cast<std::uint32_t>(program_.literals_.size());
  program_.literals_.append(name);
  return emit({.op = op, .flag = flag, .a = at, .b = static_cast<std::uint32_t>(name.size())});
}

void Compiler::may_wait(bool may) noexcept {
  program_.may_wait_ |= may;
  program_.needs_only_variables_ = false;
}

std::optional<std::string_view> Compiler::constant(std::uint32_t mark) const noexcept {
  if (mark + 1 == here()) return std::string_view();
  if (mark + 2 != here() || program_.code_[mark + 1].op != Op::literal) return std::nullopt;
  return program_.literal(program_.code_[mark + 1]);
}

// Text up to the end, or, inside brackets, up to the first `}` that belongs to no ${...}. A `{` is an ordinary character.
bool Compiler::read_sequence(bool in_brackets, Known& known) {
  const bool at_top = !in_brackets && !fixed_at_;
  while (!at_end() && !(in_brackets && at('}'))) {
    if (work_ > kNodesMax) return fail(at_, "this expansion is too long");
    const std::size_t begin = at_;
    const std::uint32_t first = here();
    if (at('\\')) {
      if (!read_backslash()) return false;
    } else if (at('$')) {
      Known part;
      if (quoting_ ? !read_dollar_quoted(*quoting_, part) : !read_dollar(part)) return false;
      known = known + part;
    } else {
      while (!at_end() && !at('\\') && !at('$') && !(in_brackets && at('}'))) ++at_;
      emit_named(Op::literal, source_.substr(begin, at_ - begin));
    }
    const bool is_quoted = source_.substr(begin, 2) == "\\N";  // its text stands behind these
    if (at_top) program_.parts_.push_back({first, here() - first, static_cast<std::uint32_t>(begin + (is_quoted ? 2 : 0))});
    // Literal bytes side by side are one literal, except at the top, where each keeps its place.
    if (!at_top && first > barrier_ && here() == first + 1 && program_.code_[first].op == Op::literal) {
      Instruction& before = program_.code_[first - 1];
      const Instruction& added = program_.code_[first];
      if (before.op == Op::literal && before.a + before.b == added.a) {
        before.b += added.b;
        program_.code_.pop_back();
      }
    }
  }
  return true;
}

bool Compiler::read_backslash() {
  const std::size_t begin = at_;
  if (at_ + 1 >= source_.size()) return fail(begin, "\\ at end of string", "write \\\\ for a backslash");
  if (source_[at_ + 1] == 'N') {  // literal text up to the next \N, or to the end
    const std::size_t end = std::min(source_.find("\\N", at_ + 2), source_.size());
    emit_named(Op::literal, source_.substr(at_ + 2, end - at_ - 2));
    at_ = std::min(end + 2, source_.size());
    return true;
  }
  const Escape escape = read_escape(source_.substr(at_));
  emit_named(Op::literal, {&escape.byte, 1});
  at_ += escape.length;
  return true;
}

bool Compiler::read_dollar(Known& known) {
  const std::size_t begin = at_++;
  if (at('{')) {
    if (++depth_ > kNestingMax) return fail(begin, fmt::format("more than {} nested ${{...}}", kNestingMax));
    ++at_;
    const bool read = read_braced(begin, known);
    --depth_;
    return read;
  }
  if (!at_end() && is_digit(source_[at_])) return add_variable(take_while(is_digit), begin, known);
  const std::string_view name = take_while(is_name_char);
  if (name.empty()) return fail(begin, "$ not followed by letter, digit, or {", "write \\$ for a dollar sign");
  return add_variable(name, begin, known);
}

bool Compiler::read_dollar_quoted(UnaskedQuoting quoting, Known& known) {
  quoting_.reset();
  const std::uint32_t mark = emit({.op = Op::mark});
  if (!read_dollar(known)) return false;
  if (known.may_be_peers) {
    emit({.op = Op::quote_peers, .flag = quoting.quoter, .row = quoting.row});
    known.quoter = quoting.quoter;
  } else {
    program_.code_[mark].op = Op::nothing;
  }
  quoting_ = quoting;
  return true;
}

// Behind "${".
bool Compiler::read_braced(std::size_t begin, Known& known) {
  const std::size_t word_at = at_;
  if (!at_end() && is_digit(source_[at_])) {
    if (!add_variable(take_while(is_digit), word_at, known)) return false;
    if (!at('}')) return fail(at_, "} expected after number");
    ++at_;
    return true;
  }
  std::string_view word = take_while(is_name_char);
  if (word.ends_with('_') && at('-')) {  // an operator with a negative argument: substr_-1
    ++at_;
    static_cast<void>(take_while(is_name_char));
    word = source_.substr(word_at, at_ - word_at);
  }
  if (word.empty()) return fail(begin, "letter or digit expected after ${");
  // "${h_subject:}" reads a header; everything else before a colon is an operator.
  if (header_form(word)) {
    const std::size_t colon = source_.find(':', word_at);
    const bool is_header = colon != source_.npos && colon + 1 < source_.size() && source_[colon + 1] == '}' &&
                           std::ranges::all_of(source_.substr(word_at, colon - word_at), is_header_char);
    if (is_header) {
      if (!add_variable(word, word_at, known)) return false;
      ++at_;
      return true;
    }
  }
  if (at(':')) return read_operation(word, word_at, known);
  if (at('}') && find_item(word) == nullptr) {
    ++at_;
    if (header_form(word))
      return fail(word_at, fmt::format("unknown variable in \"${{{}}}\"", word), "put a colon behind its name");
    if (add_variable(word, word_at, known)) return true;
    if (reason_.starts_with("unknown variable name") && reason_.ends_with('"'))
      reason_ = fmt::format("unknown variable in \"${{{}}}\"", printable(word, 64));
    return false;
  }
  const ItemDef* const item = find_item(word);
  if (item != nullptr) {
    if (item->shape != ItemShape::not_built) return read_item(*item, known);
    return leave_out(word_at, fmt::format("${{{}...}} cannot be used: {}", word, item->not_built));
  }
  std::string remedy;
  if (find_operator(word) != nullptr)
    remedy = fmt::format("\":\" is missing after the operator \"{}\"", word);
  else if (find_variable(word) != nullptr)
    remedy = fmt::format("}} is missing after ${{{}", word);
  else
    remedy = did_you_mean(word, items());
  return fail(
      word_at,
      fmt::format("\"${{{}\" is not a known operator (or a }} is missing in a variable reference)", printable(word, 64)),
      std::move(remedy));
}

std::string_view Compiler::take_header_name() {
  const std::string_view name = take_while(is_header_char);
  if (at(':')) ++at_;
  return name;
}

// `prefix` with its underscore; the name's first characters may have been taken with it.
bool Compiler::add_header(std::string_view prefix, std::size_t where, Known& known) {
  if (services_ == nullptr || !services_->has_headers())
    return leave_out(where, fmt::format("${} cannot be used: looking at message headers is not built yet here", prefix));
  const std::string_view stem = prefix.substr(0, prefix.find('_') + 1);
  at_ -= prefix.size() - stem.size();
  uses_header_ = true;
  const std::string_view name = take_header_name();
  if (name.empty())
    return fail(where, fmt::format("unknown variable name \"{}\"", stem), "a header's name is missing behind it");
  may_wait(false);
  emit_named(Op::header, name, static_cast<std::uint8_t>(*header_form(prefix)));
  known = Known::of(Bytes::peers);
  return true;
}

Known Compiler::known_of(OwnVariable variable) const noexcept {
  switch (variable) {
    case OwnVariable::value: return around_.value;
    case OwnVariable::item: return around_.item;
    case OwnVariable::prvscheck_address:
    case OwnVariable::prvscheck_keynum:
    case OwnVariable::srs_recipient: return Known::maybe();
    case OwnVariable::runrc:
    case OwnVariable::prvscheck_result: break;
  }
  return {};
}

// The variable or header whose name was just taken from the text.
bool Compiler::add_variable(std::string_view name, std::size_t where, Known& known, bool after_def) {
  if (header_form(name)) return add_header(name, where, known);
  if (is_digit(name.front())) {
    std::uint32_t number = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) number = 0xffff;
    emit({.op = Op::capture, .a = number});
    program_.needs_only_variables_ = false;
    known = around_.captures;
    return true;
  }
  if (const auto own = own_variable(name)) {
    emit({.op = Op::own_variable, .flag = static_cast<std::uint8_t>(*own)});
    if (*own == OwnVariable::prvscheck_result || *own == OwnVariable::srs_recipient) program_.needs_only_variables_ = false;
    known = known_of(*own);
    return true;
  }
  const VariableDef* const variable = find_variable(name);
  if (variable != nullptr && variable->not_built.empty()) {
    if (variable->of_text) {
      const std::string_view none =
          services_ != nullptr ? services_->noticed_text_variable(variable->id) : CompileServices::kNoMessageText;
      if (!none.empty()) return leave_out(where, fmt::format("${} cannot be used: {}", printable(name, 64), none));
    }
    known = Known::of(variable->bytes);
    if (!variable->successor.empty() && old_names_.size() < kOldNamesMax)
      old_names_.push_back({fixed_at_.value_or(where), variable});
    if (variable->bytes == Bytes::depends) known = Known::maybe();
    if (variable->fetched) may_wait(true);
    if (const auto check = check_of_variable(variable->name); check && services_ != nullptr) services_->wants(*check);
    emit({.op = variable->fetched ? Op::fetched : Op::variable,
          .flag = static_cast<std::uint8_t>(variable->bytes),
          .a = static_cast<std::uint32_t>(variable->id)});
    if (std::ranges::find(program_.variables_, variable->id) == program_.variables_.end())
      program_.variables_.push_back(variable->id);
    return true;
  }
  if (variable == nullptr && is_acl_variable(name)) {
    if (services_ == nullptr || !services_->has_acl_variables())
      return leave_out(where, fmt::format("${} cannot be used: ACL variables are not built yet here", printable(name, 64)));
    may_wait(false);
    emit_named(Op::acl_variable, name);
    known = Known::maybe();
    return true;
  }
  const std::string_view why = variable != nullptr ? variable->not_built : refused_family(name);
  const std::string shown = printable(name, 64);
  if (!why.empty()) return leave_out(where, fmt::format("${} cannot be used: {}", shown, why));
  const std::string remedy = nearest_variable(name);
  if (after_def) return fail(where, fmt::format("unknown variable \"{}\" after \"def:\"", shown), remedy);
  if (name.starts_with("acl_c") || name.starts_with("acl_m"))
    return fail(where,
                fmt::format("unknown variable name \"{}\" (6th character of a user-defined ACL variable must be a digit or "
                            "underscore)",
                            shown));
  if (name.starts_with("acl_") && remedy.empty())
    return fail(where,
                fmt::format("unknown variable name \"{}\" (user-defined ACL variables must start acl_c or acl_m)", shown));
  return fail(where, fmt::format("unknown variable name \"{}\"", shown), remedy);
}

// Behind "${name", at the colon.
bool Compiler::read_operation(std::string_view name, std::size_t where, Known& known) {
  if (name == "expand") {
    const std::size_t operand_at = at_ + 1;
    emit({.op = Op::mark});
    if (!read_operand(name, known) || !refuse_peers(operand_at, known, "text to be expanded")) return false;
    emit({.op = Op::reexpand});
    program_.needs_only_variables_ = false;
    program_.may_wait_ = true;
    known = Known::maybe();
    return true;
  }
  if (name.starts_with("quote_") && name != "quote_local_part") return read_quoter(name, where, known);
  if (name.starts_with("listnamed")) return read_list_named(name, where, known);
  const OperatorDef* const found = find_operator(name);
  if (found == nullptr)
    return fail(where, fmt::format("unknown expansion operator \"{}\"", printable(name, 64)), did_you_mean(name, operators()));
  if (name == "stat") {
    if (!wants_services(where, "${stat:...}")) return false;
    emit({.op = Op::mark});
    if (!read_operand(name, known) || !refuse_peers(where, known, "a file's name")) return false;
    emit({.op = Op::stat});
    may_wait(true);
    known = {};
    return true;
  }
  if (found->apply == nullptr) return leave_out(where, fmt::format("${{{}:...}} cannot be used: {}", name, found->not_built));
  emit({.op = Op::mark});
  Known operand;
  if (!read_operand(name, operand)) return false;
  const std::string_view arguments =
      name.size() > found->name.size() ? name.substr(found->name.size() + 1) : std::string_view();
  const bool makes_ours = std::ranges::find(kMakeOurs, found->name) != kMakeOurs.end();
  const std::uint32_t at = emit_named(Op::operate, arguments, makes_ours ? 1 : 0);
  program_.code_[at].row = static_cast<std::uint16_t>(found - operators().data());
  known = makes_ours ? Known() : operand.changed();
  return true;
}

// ${listnamed:name}, or with _d, _h, _a, _l of one kind.
bool Compiler::read_list_named(std::string_view name, std::size_t where, Known& known) {
  constexpr std::string_view kStem = "listnamed";
  const std::string_view kind = name.substr(kStem.size());
  const bool is_good = kind.empty() || (kind.size() == 2 && kind[0] == '_' && std::string_view("dhal").contains(kind[1]));
  if (!is_good) return fail(where, "bad suffix on \"list\" operator", "write _d, _h, _a or _l");
  if (!wants_services(where, fmt::format("${{{}:...}}", name))) return false;
  emit({.op = Op::mark});
  if (!read_operand(name, known)) return false;
  emit({.op = Op::list_named, .flag = static_cast<std::uint8_t>(kind.empty() ? 0 : kind[1])});
  may_wait(false);
  known = {};
  return true;
}

bool Compiler::read_operand(std::string_view name, Known& known) {
  ++at_;
  if (!read_sequence(true, known)) return false;
  if (!at('}')) {
    return fail(at_,
                uses_header_ ? "missing } at end of string - could be header name not terminated by colon"
                             : "missing } at end of string",
                fmt::format("of ${{{}:", name));
  }
  ++at_;
  return true;
}

bool Compiler::read_quoter(std::string_view name, std::size_t where, Known& known) {
  const std::string_view type = name.substr(6);
  if (services_ != nullptr && !services_->is_lookup_type(type))
    return fail(where, fmt::format("unknown lookup type \"{}\"", printable(type, 64)));
  const OperatorDef* const found = find_operator(name);
  if (found == nullptr || found->apply == nullptr)
    return fail(where, found == nullptr ? fmt::format("unknown lookup type \"{}\"", printable(type, 64))
                                        : fmt::format("${{{}:...}} cannot be used: {}", name, found->not_built));
  emit({.op = Op::mark});
  Known operand;
  if (!read_operand(name, operand)) return false;
  const std::string_view arguments =
      name.size() > found->name.size() ? name.substr(found->name.size() + 1) : std::string_view();
  const std::uint8_t quoted_for = quoter(type);
  const std::uint32_t at = emit_named(Op::quote_lookup, arguments, quoted_for);
  program_.code_[at].row = static_cast<std::uint16_t>(found - operators().data());
  known = operand;
  known.quoter = quoted_for;
  return true;
}

std::uint8_t Compiler::quoter(std::string_view type) {
  const auto found = std::ranges::find(quoters_, type);
  if (found == quoters_.end()) quoters_.emplace_back(type);
  const std::size_t number = static_cast<std::size_t>(std::ranges::find(quoters_, type) - quoters_.begin());
  return static_cast<std::uint8_t>(std::min<std::size_t>(number, 200));
}

std::optional<Compiler::UnaskedQuoting> Compiler::unasked_quoting(std::string_view type) {
  const OperatorDef* const found = find_operator(fmt::format("quote_{}", type));
  if (found == nullptr || found->apply == nullptr) return std::nullopt;
  return UnaskedQuoting{quoter(type), static_cast<std::uint16_t>(found - operators().data())};
}

bool Compiler::wants_services(std::size_t where, std::string_view what) {
  if (services_ != nullptr) return true;
  return leave_out(where, fmt::format("{} cannot be used here: it is not built yet for this text", what));
}

bool Compiler::refuse_peers(std::size_t where, Known known, std::string_view what) {
  if (!known.is_peers) return true;
  return fail(where, fmt::format("tainted: bytes that a peer chose cannot be {}", what),
              "look the name up in data of your own, and use what was found");
}

void Compiler::warn_of_old_names(const ConfigText& text, Diagnostics& diagnostics) const {
  for (const OldName& old : old_names_)
    diagnostics.warning(text.position(old.at),
                        fmt::format("\"${}\" is an old name of \"${}\"", old.variable->name, old.variable->successor));
}

namespace {

std::string message_of(const Compiler& compiler) {
  // A diagnostic is one line.
  std::string message = compiler.reason();
  std::ranges::replace(message, '\n', ',');
  const std::string& remedy = compiler.remedy();
  if (!remedy.empty()) message.append(remedy.starts_with(':') ? "" : ": ").append(remedy);
  return message;
}

}  // namespace

std::optional<Program> compile(const ConfigText& text, Diagnostics& diagnostics, CompileServices* services) {
  Compiler compiler(text, services);
  std::optional<Program> program = compiler.run();
  compiler.warn_of_old_names(text, diagnostics);
  if (!program) diagnostics.error(text.position(compiler.error_at()), message_of(compiler));
  return program;
}

Program compile_late(const ConfigText& text, Diagnostics& diagnostics, CompileServices* services) {
  Compiler compiler(text, services);
  std::optional<Program> program = compiler.run();
  compiler.warn_of_old_names(text, diagnostics);
  if (program) return *std::move(program);
  // Exim would not fail where we do.
  const Severity severity = compiler.is_left_out() ? Severity::error : Severity::late;
  diagnostics.add(severity, text.position(compiler.error_at()), message_of(compiler));
  return Program::failing(text.view(), compiler.reason());
}

std::optional<Program> compile_or_why(const ConfigText& text, std::string& why, CompileServices* services) {
  Compiler compiler(text, services);
  std::optional<Program> program = compiler.run();
  if (!program) why = compiler.reason();
  return program;
}

}  // namespace postern::expand
