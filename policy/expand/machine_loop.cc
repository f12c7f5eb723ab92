// Loops over the items of a list, or over the places where a pattern matches. On the output stand the list, what was kept so
// far, and the current item; while the body runs, its text stands behind that.
#include <algorithm>
#include <bit>

#include "policy/expand/conditions.h"
#include "policy/expand/list_items.h"
#include "policy/expand/machine.h"
#include "policy/expand/text_json.h"

namespace postern::expand {

bool Machine::begin_loop(const Instruction& i) {
  take_arguments(i.row);
  Scope scope;
  scope.kind = static_cast<LoopKind>(i.flag);
  scope.base = arguments_.base;
  scope.captures = captures_.size();
  scope.value = value_;
  scope.item = item_;
  scope.list_begin = arguments_.base;
  scope.list_end = arguments_.base + arguments_.text[0].size();
  scope.list_taint = arguments_.taint[0];
  scope.sorted = sorted_.size();
  scope.kept_end = out_.size();
  if (scope.kind == LoopKind::substitute) {
    scope.regex = i.b != 0 ? program_->regexes_[i.a].get() : make_regex(arguments_.text[1]);
    if (scope.regex == nullptr) return fail(std::move(why_));
    const std::size_t last = arguments_.count - 1;
    const bool has_replacement = last == (i.b != 0 ? 1u : 2u);
    if (has_replacement)
      scope.replacement = {out_.size() - arguments_.text[last].size(), arguments_.text[last].size(), arguments_.taint[last],
                           true};
    scope.result = out_.size();  // where what is kept begins
  } else {
    if (scope.kind == LoopKind::forany || scope.kind == LoopKind::forall) scope.items = static_cast<Items>(i.a);
    const ListItems list(arguments_.text[0]);
    scope.separator = list.separator();
    scope.list_at = scope.items == Items::list ? list.position() : 0;
    scope.result = scope.list_end;
    if (scope.kind == LoopKind::reduce) value_ = {scope.list_end, arguments_.text[1].size(), arguments_.taint[1], true};
  }
  scopes_.push(scope);
  return true;
}

bool Machine::next_of_loop(const Instruction& i) {
  Scope& scope = scopes_.top();
  out_.resize(scope.kept_end);
  captures_.resize(scope.captures);
  if (scope.kind == LoopKind::substitute) return next_match(i);
  const std::optional<bool> has_item = scope.items == Items::list ? next_item(scope) : next_json(scope);
  if (!has_item) return false;
  if (!*has_item) {
    truth_ = scope.kind == LoopKind::forall && scope.keeps_any;
    next_ = i.a;
    return true;
  }
  if (scratch_.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
  item_ = {out_.size(), scratch_.size(), scope.list_taint, true};
  out_.append(scratch_);
  return spend(scratch_.size());
}

std::optional<bool> Machine::next_item(Scope& scope) {
  ListItems list(std::string_view(out_).substr(scope.list_begin, scope.list_end - scope.list_begin));
  list.seek(scope.list_at);
  scratch_.clear();
  if (!list.next(scratch_)) return false;
  scope.list_at = list.position();
  return true;
}

std::optional<bool> Machine::next_json(Scope& scope) {
  const std::string_view text = std::string_view(out_).substr(scope.list_begin, scope.list_end - scope.list_begin);
  JsonReader array(text, JsonReader::Kind::array);
  array.seek(scope.list_at);
  std::string_view key;
  std::string_view value;
  switch (array.next(key, value)) {
    case JsonStep::end: return false;
    case JsonStep::malformed: fail(std::string(array.why())); return std::nullopt;
    case JsonStep::value: break;
  }
  scope.list_at = array.position();
  if (scope.items == Items::json_strings && !strip_json_quotes(value)) {
    fail("missing '\"' wrapping string result for extract jsons");
    return std::nullopt;
  }
  scratch_.assign(value);
  return true;
}

// After an empty match, one that is not empty is looked for at the same place; without it, one byte is passed over.
bool Machine::next_match(const Instruction& i) {
  Scope& scope = scopes_.top();
  const std::size_t size = scope.list_end - scope.list_begin;
  Captures captures{scope.list_begin, scope.list_taint, {}};
  while (true) {
    const std::string_view subject = std::string_view(out_).substr(scope.list_begin, size);
    if (!spend(size - scope.list_at)) return false;
    switch (scope.regex->match(subject, scope.list_at, captures.groups, regex_steps_left_, scope.after_empty_match)) {
      case Regex::Outcome::gave_up: return fail("regular expression match takes too many steps");
      case Regex::Outcome::match: {
        const Regex::Captures::Range whole = captures.groups.ranges[0];
        if (whole.begin < scope.list_at) return fail("a regular expression that looks back over what it replaces");
        if (!append_piece({scope.list_begin + scope.list_at, whole.begin - scope.list_at, {}, true})) return false;
        scope.kept_end = out_.size();
        scope.list_at = whole.end;
        scope.after_empty_match = whole.begin == whole.end;
        captures_.push_back(captures);
        return true;
      }
      case Regex::Outcome::no_match: break;
    }
    const std::size_t passed = scope.after_empty_match && scope.list_at < size ? 1 : size - scope.list_at;
    const bool is_end = !scope.after_empty_match || scope.list_at >= size;
    if (!append_piece({scope.list_begin + scope.list_at, passed, {}, true})) return false;
    scope.list_at += passed;
    scope.kept_end = out_.size();
    scope.after_empty_match = false;
    if (is_end) break;
  }
  next_ = i.a;
  return true;
}

bool Machine::keep_in_loop(const Instruction& i) {
  Scope& scope = scopes_.top();
  next_ = i.a;
  switch (scope.kind) {
    case LoopKind::forany:
    case LoopKind::forall:
      scope.keeps_any = true;
      if (truth_ == (scope.kind == LoopKind::forany)) next_ = i.b;
      return true;
    case LoopKind::filter:
      if (!truth_) return true;
      scratch_.assign(out_, item_.at, item_.size);
      scope.kept_taint += scope.list_taint;
      break;
    case LoopKind::map:
      take_arguments(1);
      scratch_ = arguments_.text[0];
      scope.kept_taint += arguments_.taint[0];
      break;
    case LoopKind::substitute:  // it stands behind what was kept already
      take_arguments(1);
      scope.kept_taint += arguments_.taint[0];
      scope.kept_end = out_.size();
      return true;
    case LoopKind::reduce:
      take_arguments(1);
      scratch_ = arguments_.text[0];
      out_.resize(scope.list_end);
      value_ = {scope.list_end, scratch_.size(), arguments_.taint[0], true};
      out_.append(scratch_);
      scope.kept_end = out_.size();
      return true;
    case LoopKind::sort:
      take_arguments(1);
      sorted_.push_back({item_.at, item_.size, arguments_.text[0].size()});
      scope.kept_end = out_.size();
      return true;
  }
  out_.resize(scope.kept_end);
  if (2 * scratch_.size() + 2 > limit_ - out_.size()) return fail("the result of the expansion is too long");
  append_item(out_, scratch_, scope.separator, !scope.keeps_any);
  scope.keeps_any = true;
  scope.kept_end = out_.size();
  return spend(scratch_.size());
}

bool Machine::end_loop(const Instruction& i) {
  const Scope scope = scopes_.top();
  switch (scope.kind) {
    case LoopKind::forany:
    case LoopKind::forall: {
      // What a match in the condition captured stays, for as long as the condition's own scope.
      const std::size_t captures = captures_.size();
      if (captures == scope.captures) out_.resize(scope.base);
      scopes_.pop();
      item_ = scope.item;
      return true;
    }
    case LoopKind::sort:
      if (!sort_kept(i)) return false;
      taint_ += scope.list_taint;
      break;
    case LoopKind::reduce:
      taint_ += value_.taint;
      out_.erase(scope.base, scope.list_end - scope.base);
      break;
    case LoopKind::substitute:
      taint_ += scope.list_taint.changed() + scope.kept_taint;
      out_.erase(scope.base, scope.result - scope.base);
      break;
    case LoopKind::map:
    case LoopKind::filter:
      taint_ += scope.kept_taint;
      out_.erase(scope.base, scope.list_end - scope.base);
      break;
  }
  restore(scope);
  return true;
}

namespace {

// An item goes in front of those it is equal to, and not behind them: equal items come out the other way round.
bool takes_equal(const ConditionDef& row) noexcept {
  return row.name.ends_with('=') || row.name.starts_with("le") || row.name.starts_with("ge");
}

// `a` goes before `b`. What is no number counts as 0.
bool is_before(const ConditionDef& row, std::string_view a, std::string_view b) {
  // With "or equal", equal ones would change places for ever.
  if (takes_equal(row)) {
    const bool swapped = row.name.starts_with("<=") || row.name.starts_with("le");
    const std::string_view strict = swapped ? (row.shape == Shape::two_numbers ? "<"
                                               : row.name == "lei"             ? "lti"
                                                                               : "lt")
                                            : (row.shape == Shape::two_numbers ? ">"
                                               : row.name == "gei"             ? "gti"
                                                                               : "gt");
    return is_before(*find_condition(strict), a, b);
  }
  if (row.shape == Shape::two_strings) return row.two(a, b);
  std::string ignored;
  const auto left = read_integer(a, ignored);
  const auto right = read_integer(b, ignored);
  return row.numbers(left.value_or(0), right.value_or(0));
}

}  // namespace

bool Machine::sort_kept(const Instruction& i) {
  const Scope scope = scopes_.top();
  const ConditionDef& row = conditions()[i.row];
  const auto begin = sorted_.begin() + static_cast<std::ptrdiff_t>(scope.sorted);
  const std::size_t count = sorted_.size() - scope.sorted;
  if (!spend((scope.kept_end - scope.base) * std::bit_width(count)) || !spend(count * 16 * kBytesPerStep)) return false;
  const std::string_view all = out_;
  std::sort(begin, sorted_.end(), [&](const Sorted& a, const Sorted& b) {
    const std::string_view key_a = all.substr(a.item + a.item_size, a.key_size);
    const std::string_view key_b = all.substr(b.item + b.item_size, b.key_size);
    if (is_before(row, key_a, key_b)) return true;
    if (is_before(row, key_b, key_a)) return false;
    return takes_equal(row) ? a.item > b.item : a.item < b.item;
  });
  scratch_.clear();
  for (auto entry = begin; entry != sorted_.end(); ++entry)
    append_item(scratch_, all.substr(entry->item, entry->item_size), scope.separator, entry == begin);
  sorted_.resize(scope.sorted);
  out_.resize(scope.base);
  if (scratch_.size() > limit_ - out_.size()) return fail("the result of the expansion is too long");
  out_.append(scratch_);
  return true;
}

const Regex* Machine::make_regex(std::string_view pattern) {
  why_.clear();
  auto made = Regex::compile(pattern);
  if (!made) {
    why_ = std::move(made.error());
    return nullptr;
  }
  regexes_.push_back(std::move(*made));
  return regexes_.back().get();
}

}  // namespace postern::expand
