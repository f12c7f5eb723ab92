// ${name ...}: the items.
#include <fmt/format.h>

#include <algorithm>

#include "engine/base/peer_text.h"
#include "policy/expand/compiler.h"
#include "policy/expand/nearest.h"
#include "policy/expand/our_text.h"

namespace postern::expand {

namespace {

constexpr bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_lookup_char(char c) noexcept { return c != '{' && c != '}' && c > ' '; }

constexpr const char* kHeaderName = "missing or misplaced { or } - could be header name not terminated by colon";

std::string brackets(std::string_view detail, std::string_view rest) {
  return fmt::format("curly-bracket problem in conditional yes/no parsing: {}\n remaining string is '{}'", detail,
                     printable(rest, 256));
}

}  // namespace

bool Compiler::read_item(const ItemDef& item, Known& known) {
  using enum ItemShape;
  const bool asks = item.shape == lookup || item.shape == environment || item.shape == read_file || item.shape == read_socket ||
                    item.shape == run || item.shape == acl || item.shape == auth_results;
  if (asks && !wants_services(at_ - item.name.size(), fmt::format("${{{}...}}", item.name))) return false;
  if (item.shape == acl && !services_->has_acls())
    return leave_out(at_ - item.name.size(), fmt::format("${{{}...}} {}", item.name, kNoAcls));
  switch (item.shape) {
    case ItemShape::choice: return read_choice(item, known);
    case ItemShape::pure: return read_pure(item, known);
    case ItemShape::fields: return read_fields(item, known);
    case ItemShape::find: return read_find(item, known);
    case ItemShape::lookup: return read_lookup(item, known);
    case ItemShape::map:
    case ItemShape::filter:
    case ItemShape::reduce: return read_list_loop(item, known);
    case ItemShape::sort: return read_sort(item, known);
    case ItemShape::substitute: return read_substitute(item, known);
    case ItemShape::environment: return read_environment(item, known);
    case ItemShape::read_file: return read_read_file(item, known);
    case ItemShape::read_socket: return read_read_socket(item, known);
    case ItemShape::run: return read_run(item, known);
    case ItemShape::acl: return read_acl(item, known);
    case ItemShape::prvs: return read_prvs(item, known);
    case ItemShape::prvscheck: return read_prvscheck(item, known);
    case ItemShape::auth_results: return read_auth_results(item, known);
    case ItemShape::certificate: return read_certificate(item, known);
    case ItemShape::srs_encode: return read_srs_encode(item, known);
    case ItemShape::not_built: break;
  }
  return false;
}

// "{...}" at the current place.
bool Compiler::read_argument(ReadArguments& arguments) {
  const std::size_t k = arguments.count++;
  ++at_;
  arguments.at[k] = at_;
  arguments.code[k] = emit({.op = Op::mark});
  if (!read_sequence(true, arguments.known[k])) return false;
  if (!at('}')) {
    return fail(at_, uses_header_ ? "missing } at end of string - could be header name not terminated by colon"
                                  : "missing } at end of string");
  }
  ++at_;
  return true;
}

bool Compiler::read_arguments(std::string_view name, std::size_t min, std::size_t max, ReadArguments& arguments) {
  const std::size_t before = arguments.count;
  for (skip_space(); at('{') && arguments.count - before < max; skip_space())
    if (!read_argument(arguments)) return false;
  if (arguments.count - before < min) return fail(at_, fmt::format("Not enough arguments for '{}' (min is {})", name, min));
  return true;
}

bool Compiler::end_of_item(std::string_view name, std::size_t max) {
  skip_space();
  if (max > 0 && at('{')) return fail(at_, fmt::format("Too many arguments for '{}' (max is {})", name, max));
  if (!at('}')) return fail(at_, fmt::format("missing }} at end of \"{}\"", name));
  ++at_;
  return true;
}

// The truth is known: {yes}{no}, {yes}fail, {yes} or nothing; then `otherwise` stands for {yes}, or $value when that is empty.
bool Compiler::read_yes_no(std::string_view name, bool has_scope, std::string_view otherwise, Known& known) {
  Known yes;
  Known no;
  skip_space();
  const bool has_texts = !at('}');
  const std::uint32_t to_no = emit({.op = Op::jump_unless});
  if (has_scope) emit({.op = Op::result});
  if (has_texts) {
    if (!read_text_of_choice("yes", yes)) return false;
  } else if (otherwise.empty()) {
    emit({.op = Op::own_variable, .flag = static_cast<std::uint8_t>(OwnVariable::value)});
    yes = around_.value;
  } else {
    emit_named(Op::literal, otherwise);
  }
  const std::uint32_t to_end = emit({.op = Op::jump});
  land(to_no);
  if (has_scope) emit({.op = Op::result});
  skip_space();
  if (at('{')) {
    if (!read_text_of_choice("no", no)) return false;
  } else if (!at('}') && !at_end()) {
    const std::size_t where = at_;
    if (take_while(is_letter) != "fail")
      return fail(where, fmt::format("syntax error in \"{}\" item - \"fail\" expected", name), "or a second text in {}");
    emit_named(Op::force_failure, fmt::format("\"{}\" failed and \"fail\" requested", name));
  }
  land(to_end);
  if (has_scope) emit({.op = Op::leave});
  skip_space();
  if (!at('}')) return fail(at_, uses_header_ ? kHeaderName : brackets("did not close with '}'", source_.substr(at_)));
  ++at_;
  known = has_texts || otherwise.empty() ? yes | no : Known();
  return true;
}

bool Compiler::read_text_of_choice(std::string_view which, Known& known) {
  if (!at('{'))
    return fail(at_, uses_header_ ? kHeaderName
                                  : brackets(fmt::format("'{}' part did not start with '{{'", which), source_.substr(at_)));
  ++at_;
  if (!read_sequence(true, known)) return false;
  if (!at('}')) {
    return fail(at_, uses_header_ ? "missing } at end of string - could be header name not terminated by colon"
                                  : "missing } at end of string");
  }
  ++at_;
  return true;
}

bool Compiler::read_choice(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  const std::uint32_t entered = emit({.op = Op::enter});
  bool holds = false;
  if (!read_condition(holds)) return false;
  if (!holds) program_.code_[entered].op = Op::nothing;
  if (!read_yes_no(item.name, holds, "true", known)) return false;
  around_ = before;
  return true;
}

bool Compiler::read_pure(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, item.arguments_min, item.arguments_max, arguments) ||
      !end_of_item(item.name, item.arguments_max))
    return false;
  emit({.op = Op::apply_item,
        .flag = static_cast<std::uint8_t>(arguments.count),
        .row = static_cast<std::uint16_t>(&item - items().data())});
  known = item.makes_ours ? Known() : arguments.all().changed();
  return true;
}

bool Compiler::read_find(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  emit({.op = Op::enter});
  ReadArguments arguments;
  if (!read_arguments(item.name, item.arguments_min, item.arguments_min, arguments)) return false;
  emit({.op = Op::find_in_text,
        .flag = static_cast<std::uint8_t>(arguments.count),
        .row = static_cast<std::uint16_t>(&item - items().data())});
  around_.value = arguments.known[arguments.count - 1].changed();
  if (!read_yes_no(item.name, true, {}, known)) return false;
  around_ = before;
  return true;
}

// Whether there are two arguments or three depends on the first one's value. Where that is known only later, both ways are
// compiled, and one that cannot be read is an error when it is taken.
bool Compiler::read_fields(const ItemDef& item, Known& known) {
  skip_space();
  if (const std::string_view form = take_while([](char c) noexcept { return c >= 'a' && c <= 'z'; }); !form.empty()) {
    const ItemDef* const found = find_item(fmt::format("{} {}", item.name, form));
    if (found != nullptr) return read_find(*found, known);
    return fail(at_ - form.size(), fmt::format("missing '{{' for arg 1 of {}", item.name));
  }
  const Surroundings before = around_;
  emit({.op = Op::enter});
  ReadArguments first;
  if (!read_arguments(item.name, 1, 1, first)) return false;
  const std::optional<std::string_view> key = constant(first.code[0]);
  if (key) {
    if (key->find_first_not_of(" \t\n") == key->npos)
      return fail(first.at[0], fmt::format("first argument of \"{}\" must not be empty", item.name));
    const bool read = read_fields_as(item, is_field_number(*key) ? 3 : 2, known);
    around_ = before;
    return read;
  }
  const std::size_t begin = at_;
  const std::uint32_t to_key = emit({.op = Op::jump_unless_numeric});
  std::size_t end = 0;
  Known counted;
  bool any = read_fields_as(item, 3, counted);
  if (any) {
    end = at_;
  } else {
    drop_code(to_key + 1);
    emit_named(Op::fail, reason_);
  }
  const std::uint32_t to_end = emit({.op = Op::jump});
  land(to_key);
  const std::uint32_t key_way = here();
  at_ = begin;
  around_ = before;
  Known named;
  if (read_fields_as(item, 2, named)) {
    if (any && at_ != end) end = std::max(end, at_);
    if (!any) end = at_;
    any = true;
  } else if (any) {
    drop_code(key_way);
    emit_named(Op::fail, reason_);
  }
  land(to_end);
  around_ = before;
  if (!any) return false;
  reason_.clear();
  at_ = end;
  known = counted | named;
  return true;
}

bool Compiler::read_fields_as(const ItemDef& item, std::size_t count, Known& known) {
  ReadArguments rest;
  for (std::size_t k = 1; k < count; ++k) {
    skip_space();
    if (!at('{')) return fail(at_, fmt::format("missing '{{' for arg {} of {}", k + 1, item.name));
    if (!read_argument(rest)) return false;
  }
  emit({.op = Op::find_in_text,
        .flag = static_cast<std::uint8_t>(count),
        .row = static_cast<std::uint16_t>(&item - items().data()),
        .a = count == 3 ? 1u : 0u});
  around_.value = rest.known[rest.count - 1].changed();
  return read_yes_no(item.name, true, {}, known);
}

bool Compiler::read_lookup(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  emit({.op = Op::enter});
  ReadArguments arguments;
  skip_space();
  const bool has_key = at('{');
  if (has_key && !read_argument(arguments)) return false;
  skip_space();
  const std::size_t type_at = at_;
  // A comma begins options, in which blanks may not stand either.
  std::string_view type = take_while(is_lookup_char);
  if (type.empty()) return fail(type_at, "missing lookup type");
  const auto found = services_->find_lookup(type);
  if (!found) return services_->leaves_out_lookup(type) ? leave_out(type_at, found.error()) : fail(type_at, found.error());
  if (has_key && found->query_style)
    return fail(type_at,
                fmt::format("a single key was given for lookup type \"{}\", which is not a single-key lookup type", type));
  if (!has_key && !found->query_style) return fail(type_at, fmt::format("missing {{key}} for single-key \"{}\" lookup", type));
  skip_space();
  if (!at('{')) return fail(at_, "missing '{' for lookup file-or-query arg");
  const std::string_view base = type.substr(0, type.find_first_of(",*"));
  const std::uint8_t quoted_for = quoter(base);
  if (found->quotes_peers) quoting_ = unasked_quoting(base);
  if (!read_argument(arguments)) return false;
  quoting_.reset();
  const Known last = arguments.known[arguments.count - 1];
  if (!has_key && last.is_peers && last.quoter != quoted_for)
    return fail(arguments.at[0], "tainted search query is not properly quoted",
                fmt::format("write ${{quote_{}:...}} around what a peer chose", base));
  if (has_key && !refuse_peers(arguments.at[1], last, "a file's name")) return false;
  if (const auto file = has_key ? constant(arguments.code[1]) : std::nullopt)
    services_->noticed_lookup_file(found->handle, *file);
  program_.lookups_.push_back({found->handle, found->query_style, quoted_for});
  emit({.op = Op::lookup, .a = static_cast<std::uint32_t>(program_.lookups_.size() - 1)});
  may_wait(found->may_wait);
  around_.value = Known::of(found->bytes);
  if (found->bytes == Bytes::depends) around_.value = Known::maybe();
  if (has_key) around_.captures = around_.captures | arguments.known[0].changed();
  if (!read_yes_no(item.name, true, {}, known)) return false;
  around_ = before;
  return true;
}

// {list}{text}, {list}{condition}, {list}{first value}{text}.
bool Compiler::read_list_loop(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  const bool is_reduce = item.shape == ItemShape::reduce;
  const bool is_filter = item.shape == ItemShape::filter;
  ReadArguments arguments;
  for (std::size_t k = 0; k < (is_reduce ? 2u : 1u); ++k) {
    skip_space();
    if (!at('{')) return fail(at_, fmt::format("missing '{{' for {} arg of {}", k == 0 ? "first" : "second", item.name));
    if (!read_argument(arguments)) return false;
  }
  const LoopKind kind = is_reduce ? LoopKind::reduce : is_filter ? LoopKind::filter : LoopKind::map;
  emit({.op = Op::loop_begin, .flag = static_cast<std::uint8_t>(kind), .row = static_cast<std::uint16_t>(arguments.count)});
  around_.item = arguments.known[0].changed();
  if (is_reduce) around_.value = arguments.known[1] + Known::maybe();
  if (is_reduce && !arguments.known[1].may_be_peers) around_.value = {};
  const std::uint32_t next = emit({.op = Op::loop_next});
  skip_space();
  if (!at('{')) return fail(at_, fmt::format("missing '{{' for last arg of {}", item.name));
  Known body;
  if (is_filter) {
    ++at_;
    bool holds = false;
    if (!read_condition(holds)) {
      if (reason_.starts_with("unknown condition")) reason_ += " inside \"filter\" item";
      return false;
    }
    skip_space();
    if (!at('}')) return fail(at_, fmt::format("missing }} at end of condition inside \"{}\"", item.name));
    ++at_;
    body = around_.item;
  } else {
    ReadArguments text;
    if (!read_argument(text)) return false;
    body = text.known[0];
  }
  emit({.op = Op::loop_keep, .a = next});
  land(next);
  emit({.op = Op::loop_end});
  around_ = before;
  known = is_reduce ? (arguments.known[1] | body) : body;
  known.is_peers = false;  // a list may be empty
  return end_of_item(item.name);
}

bool Compiler::read_sort(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  ReadArguments list;
  skip_space();
  if (!at('{')) return fail(at_, "missing '{' for list arg of sort");
  if (!read_argument(list)) return false;
  skip_space();
  if (!at('{')) return fail(at_, "missing '{' for comparator arg of sort");
  const std::size_t where = at_ + 1;
  const std::uint32_t code = here();
  ReadArguments comparator;
  if (!read_argument(comparator)) return false;
  const std::optional<std::string_view> name = constant(comparator.code[0]);
  if (!name) return fail(where, "comparator not handled for sort", "it must be written out");
  const ConditionDef* const row = find_condition(*name);
  const bool compares = row != nullptr && (row->shape == Shape::two_numbers || row->two != nullptr) && *name != "eq" &&
                        *name != "eqi" && *name != "=" && *name != "==";
  if (!compares) return fail(where, "comparator not handled for sort", "write <, >, lt, gti or the like");
  drop_code(code);
  emit({.op = Op::loop_begin, .flag = static_cast<std::uint8_t>(LoopKind::sort), .row = 1});
  around_.item = list.known[0].changed();
  const std::uint32_t next = emit({.op = Op::loop_next});
  skip_space();
  if (!at('{')) return fail(at_, "missing '{' for extractor arg of sort");
  ReadArguments key;
  if (!read_argument(key)) return false;
  emit({.op = Op::loop_keep, .a = next});
  land(next);
  emit({.op = Op::loop_end, .row = static_cast<std::uint16_t>(row - conditions().data())});
  around_ = before;
  known = list.known[0].changed();
  return end_of_item(item.name);
}

// {subject}{regular expression}{replacement}. The replacement is expanded for each match once more; when it is a constant, as
// it nearly always is, it is compiled here.
bool Compiler::read_substitute(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  ReadArguments arguments;
  if (!read_arguments(item.name, 2, 2, arguments)) {
    if (arguments.count < 3 && reason_.starts_with("Not enough")) reason_ = "Not enough arguments for 'sg' (min is 3)";
    return false;
  }
  const std::optional<std::string_view> pattern = constant(arguments.code[1]);
  std::uint32_t regex = 0;
  if (pattern) {
    auto compiled = Regex::compile(*pattern);
    if (!compiled) return fail(arguments.at[1], std::move(compiled.error()));
    program_.regexes_.push_back(std::move(*compiled));
    regex = static_cast<std::uint32_t>(program_.regexes_.size() - 1);
    drop_code(arguments.code[1]);
  }
  skip_space();
  if (!at('{')) return fail(at_, "Not enough arguments for 'sg' (min is 3)");
  const std::size_t where = at_ + 1;
  ReadArguments replacement;
  if (!read_argument(replacement)) return false;
  const std::optional<std::string_view> constant_text = constant(replacement.code[0]);
  const std::optional<std::string> text = constant_text ? std::optional<std::string>(*constant_text) : std::nullopt;
  if (text) drop_code(replacement.code[0]);
  if (!text && !refuse_peers(where, replacement.known[0], "text to be expanded")) return false;
  const std::size_t count = 1 + (pattern ? 0u : 1u) + (text ? 0u : 1u);
  emit({.op = Op::loop_begin,
        .flag = static_cast<std::uint8_t>(LoopKind::substitute),
        .row = static_cast<std::uint16_t>(count),
        .a = regex,
        .b = pattern ? 1u : 0u});
  const std::uint32_t next = emit({.op = Op::loop_next});
  around_.captures = arguments.known[0].changed();
  Known replaced = Known::maybe();
  emit({.op = Op::mark});
  if (text) {
    replaced = {};
    if (!read_replacement(*text, where, replaced)) return false;
  } else {
    emit({.op = Op::reexpand_replacement});
    program_.needs_only_variables_ = false;
    program_.may_wait_ = true;
  }
  emit({.op = Op::loop_keep, .a = next});
  land(next);
  emit({.op = Op::loop_end});
  around_ = before;
  replaced.is_peers = false;
  known = arguments.known[0].changed() + replaced;
  return end_of_item(item.name, 3);
}

bool Compiler::read_replacement(std::string text, std::size_t where, Known& known) {
  if (++depth_ > kNestingMax) return fail(where, fmt::format("more than {} nested ${{...}}", kNestingMax));
  const std::string_view source = std::exchange(source_, text);
  const std::size_t at = std::exchange(at_, 0);
  const std::optional<std::size_t> fixed = std::exchange(fixed_at_, fixed_at_.value_or(where));
  const bool read = read_sequence(false, known);
  source_ = source;
  at_ = at;
  fixed_at_ = fixed;
  --depth_;
  return read;
}

bool Compiler::read_environment(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  emit({.op = Op::enter});
  ReadArguments arguments;
  if (!read_arguments(item.name, 1, 1, arguments)) return false;
  emit({.op = Op::environment});
  may_wait(false);
  around_.value = {};
  if (!read_yes_no(item.name, true, {}, known)) return false;
  around_ = before;
  return true;
}

bool Compiler::read_read_file(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 1, 2, arguments) || !end_of_item(item.name, 2)) return false;
  if (!refuse_peers(arguments.at[0], arguments.known[0], "a file's name")) return false;
  if (arguments.count == 1) {
    emit({.op = Op::mark});
    emit_named(Op::literal, "\n");
  }
  emit({.op = Op::read_file});
  may_wait(true);
  known = arguments.count == 2 ? arguments.known[1] : Known();
  return true;
}

bool Compiler::read_read_socket(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 2, 4, arguments)) return false;
  if (!refuse_peers(arguments.at[0], arguments.known[0], "the name of a socket")) return false;
  const std::uint32_t asked = emit({.op = Op::read_socket, .flag = static_cast<std::uint8_t>(arguments.count)});
  may_wait(true);
  known = Known::maybe();
  skip_space();
  if (at('{')) {
    const std::uint32_t to_end = emit({.op = Op::jump});
    land(asked);
    Known otherwise;
    if (!read_text_of_choice("fail", otherwise)) return false;
    land(to_end);
  }
  return end_of_item(item.name);
}

// ${run{program argument ...}{yes}{no}}: the program and its arguments are divided at blanks before they are expanded, so that
// what an argument holds stays one.
bool Compiler::read_run(const ItemDef& item, Known& known) {
  if (!services_->allows_run()) return fail(at_, "run is not permitted", "expand_allow_run = false turns it off");
  const Surroundings before = around_;
  skip_space();
  if (at(',')) return fail(at_, "${run,preexpand...} cannot be used", "arguments are divided before they are expanded");
  if (!at('{')) return fail(at_, "missing '{' for command arg of run");
  ++at_;
  emit({.op = Op::enter});
  ReadArguments words;
  if (!read_run_words(words)) return false;
  if (!refuse_peers(words.at[0], words.known[0], "the name of a program")) return false;
  const std::optional<std::string_view> program = words.count == 1 ? constant(words.code[0]) : std::nullopt;
  const std::string_view written = source_.substr(words.at[0], 1);
  if (program ? !program->starts_with('/') : written != "/" && written != "$")
    return fail(words.at[0], "the name of a program in run must be absolute");
  emit({.op = Op::run, .flag = static_cast<std::uint8_t>(words.count)});
  may_wait(true);
  around_.value = Known::maybe();
  if (!read_yes_no(item.name, true, {}, known)) return false;
  around_ = before;
  return true;
}

namespace {

// Where the word ends that begins at `at`: at its quote, or at a blank or bracket that no bracket encloses.
std::size_t end_of_word(std::string_view text, std::size_t at, char quote) noexcept {
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (quote != '\0') {
      if (c == quote) return at;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}') {
      if (depth == 0) return at;
      --depth;
    } else if (depth == 0 && (c == ' ' || (c >= '\t' && c <= '\r'))) {
      return at;
    }
  }
  return std::min(at, text.size());
}

}  // namespace

// Up to the closing bracket, and over it.
bool Compiler::read_run_words(ReadArguments& words) {
  for (skip_space(); !at('}'); skip_space()) {
    if (at_end()) return fail(at_, "missing } at end of string");
    if (words.count == kArgumentsMax) return fail(at_, fmt::format("more than {} words in run", kArgumentsMax));
    const char quote = at('"') || at('\'') ? source_[at_] : '\0';
    if (quote != '\0') ++at_;
    const std::size_t end = end_of_word(source_, at_, quote);
    if (quote != '\0' && end == source_.size()) return fail(at_, "the quote at the end of the word is missing");
    const std::size_t k = words.count++;
    words.at[k] = at_;
    words.code[k] = emit({.op = Op::mark});
    const std::string_view whole = std::exchange(source_, source_.substr(0, end));
    const bool read = read_sequence(false, words.known[k]);
    source_ = whole;
    if (!read) return false;
    at_ = end + (quote != '\0' ? 1 : 0);
  }
  ++at_;
  return words.count > 0 || fail(at_ - 1, "the name of a program is missing in run");
}

// {address}{secret}{key number}
bool Compiler::read_prvs(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 2, 3, arguments) || !end_of_item(item.name, 3)) return false;
  emit({.op = Op::prvs_sign, .flag = static_cast<std::uint8_t>(arguments.count)});
  program_.needs_only_variables_ = false;
  known = arguments.known[0].changed();
  return true;
}

// {address}{secret}{text}: the secret is expanded when the address has its form, and may ask for its $prvscheck_keynum.
bool Compiler::read_prvscheck(const ItemDef& item, Known& known) {
  ReadArguments address;
  if (!read_arguments(item.name, 1, 1, address)) return false;
  const std::uint32_t begin = emit({.op = Op::prvs_begin});
  ReadArguments secret;
  if (!read_arguments(item.name, 1, 1, secret)) return false;
  emit({.op = Op::prvs_check});
  ReadArguments text;
  if (!read_arguments(item.name, 0, 1, text) || !end_of_item(item.name, 2)) return false;
  emit({.op = Op::prvs_end, .flag = static_cast<std::uint8_t>(text.count)});
  land(begin);
  program_.needs_only_variables_ = false;
  known = address.known[0].changed() + text.all();
  known.is_peers = false;  // what is not signed gives nothing
  return true;
}

bool Compiler::read_auth_results(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 1, 1, arguments) || !end_of_item(item.name, 1)) return false;
  if (const auto id = constant(arguments.code[0]); id && services_ != nullptr) services_->noticed_authserv_id(*id);
  emit({.op = Op::auth_results});
  may_wait(false);
  known = Known::of(Bytes::peers);
  return true;
}

// {field}{$variable}, then yes and no. The variable is named, and not expanded.
bool Compiler::read_certificate(const ItemDef& item, Known& known) {
  const Surroundings before = around_;
  emit({.op = Op::enter});
  ReadArguments arguments;
  if (!read_arguments(item.name, 1, 1, arguments)) return false;
  skip_space();
  if (!at('{')) return fail(at_, fmt::format("missing '{{' for cert variable arg of {}", item.name));
  ++at_;
  VariableId id = VariableId::none;
  if (!read_certificate_variable(id, around_.value)) return false;
  emit({.op = Op::find_in_certificate, .a = static_cast<std::uint32_t>(id)});
  program_.needs_only_variables_ = false;
  if (!read_yes_no(item.name, true, {}, known)) return false;
  around_ = before;
  return true;
}

bool Compiler::read_certificate_variable(VariableId& id, Known& known) {
  if (!at('$'))
    return fail(at_, "second argument of \"certextract\" must be a certificate variable", "write {$tls_in_peercert}");
  const std::size_t where = ++at_;
  const std::string_view name = take_while([](char c) noexcept { return c != '}'; });
  if (at_end()) return fail(at_, "missing } at end of string");
  ++at_;
  const VariableDef* const variable = find_variable(name);
  if (variable == nullptr) return fail(where, fmt::format("no variable named \"{}\"", printable(name, 64)));
  if (!is_certificate(variable->id)) return fail(where, fmt::format("\"{}\" is not a certificate", name));
  id = variable->id;
  known = Known::of(variable->bytes);
  return true;
}

bool Compiler::read_srs_encode(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 3, 3, arguments) || !end_of_item(item.name, 3)) return false;
  emit({.op = Op::srs_encode});
  program_.needs_only_variables_ = false;
  known = arguments.known[1].changed() + arguments.known[2].changed();
  known.is_peers = false;  // the null sender gives nothing
  return true;
}

bool Compiler::read_acl(const ItemDef& item, Known& known) {
  ReadArguments arguments;
  if (!read_arguments(item.name, 1, 10, arguments) || !end_of_item(item.name, 10)) return false;
  if (!refuse_peers(arguments.at[0], arguments.known[0], "the name of an ACL")) return false;
  emit({.op = Op::acl, .flag = static_cast<std::uint8_t>(arguments.count)});
  may_wait(true);
  known = Known::maybe();
  return true;
}

}  // namespace postern::expand
