// The compiler behind compile.h: recursive descent over the text, as deep as kNestingMax allows. Each read_ function returns
// false after it has reported an error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/expand/compile.h"
#include "policy/expand/conditions.h"
#include "policy/expand/items.h"
#include "policy/expand/machine.h"
#include "policy/expand/variables.h"

namespace postern::expand {

// What is known about a text's bytes before there are any.
struct Known {
  static constexpr std::uint8_t kNoQuoter = 255;
  bool may_be_peers = false;
  bool is_peers = false;            // unless it is empty
  std::uint8_t quoter = kNoQuoter;  // of what is a peer's

  [[nodiscard]] static constexpr Known of(Bytes bytes) noexcept {
    return {bytes != Bytes::ours, bytes == Bytes::peers, kNoQuoter};
  }
  [[nodiscard]] static constexpr Known maybe() noexcept { return {true, false, kNoQuoter}; }
  [[nodiscard]] constexpr Known changed() const noexcept { return {may_be_peers, is_peers, kNoQuoter}; }
  // Behind one another.
  friend constexpr Known operator+(Known a, Known b) noexcept {
    if (!a.may_be_peers) return b;
    if (!b.may_be_peers) return a;
    return {true, a.is_peers || b.is_peers, a.quoter == b.quoter ? a.quoter : kNoQuoter};
  }
  // One or the other.
  friend constexpr Known operator|(Known a, Known b) noexcept {
    Known sum = a + b;
    sum.is_peers = a.is_peers && b.is_peers;
    return sum;
  }
};

// Behind the name of what asks an ACL.
inline constexpr std::string_view kNoAcls = "cannot be used: there is no ACL to ask where a message is delivered";

class Compiler {
 public:
  Compiler(const ConfigText& text, CompileServices* services) : text_(text), source_(text.view()), services_(services) {}

  [[nodiscard]] std::optional<Program> run();

  // After run() gave nothing.
  [[nodiscard]] std::size_t error_at() const noexcept { return error_at_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] bool is_left_out() const noexcept { return is_left_out_; }
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

  void warn_of_old_names(const ConfigText& text, Diagnostics& diagnostics) const;

 private:
  static constexpr std::size_t kOldNamesMax = 32;  // that are warned of in one text
  // What surrounds a text: whose bytes $value, $item and the captures are.
  struct Surroundings {
    Known value;
    Known item;
    Known captures = Known::maybe();
  };
  struct OldName {
    std::size_t at;
    const VariableDef* variable;
  };
  // Of a query that takes care of a peer's bytes itself.
  struct UnaskedQuoting {
    std::uint8_t quoter;
    std::uint16_t row;  // of operators()
  };
  struct ReadArguments {
    std::size_t count = 0;
    std::array<Known, kArgumentsMax> known;
    std::array<std::size_t, kArgumentsMax> at{};      // of the first byte inside the brackets
    std::array<std::uint32_t, kArgumentsMax> code{};  // of its mark
    [[nodiscard]] Known all() const noexcept {
      Known sum;
      for (std::size_t i = 0; i < count; ++i) sum = sum + known[i];
      return sum;
    }
  };

  [[nodiscard]] bool at_end() const noexcept { return at_ >= source_.size(); }
  [[nodiscard]] bool at(char c) const noexcept { return !at_end() && source_[at_] == c; }
  void skip_space() noexcept;
  [[nodiscard]] std::string_view take_while(bool (*wanted)(char) noexcept) noexcept;
  bool fail(std::size_t where, std::string reason, std::string remedy = {});
  // The same, for what Exim has and we have not.
  bool leave_out(std::size_t where, std::string reason);

  std::uint32_t emit(Instruction instruction);
  std::uint32_t emit_named(Op op, std::string_view name, std::uint8_t flag = 0);
  [[nodiscard]] std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(program_.code_.size()); }
  void land(std::uint32_t jump) noexcept {
    program_.code_[jump].a = here();
    barrier_ = here();
  }
  void may_wait(bool may) noexcept;
  // The text of an argument whose code is one literal or nothing.
  [[nodiscard]] std::optional<std::string_view> constant(std::uint32_t mark) const noexcept;
  void drop_code(std::uint32_t from) { program_.code_.resize(from); }

  // compile.cc: text, variables, operators.
  bool read_sequence(bool in_brackets, Known& known);
  bool read_backslash();
  bool read_dollar(Known& known);
  bool read_dollar_quoted(UnaskedQuoting quoting, Known& known);
  bool read_braced(std::size_t begin, Known& known);
  bool add_variable(std::string_view name, std::size_t where, Known& known, bool after_def = false);
  bool add_header(std::string_view prefix, std::size_t where, Known& known);
  [[nodiscard]] std::string_view take_header_name();
  bool read_operation(std::string_view name, std::size_t where, Known& known);
  bool read_operand(std::string_view name, Known& known);
  bool read_list_named(std::string_view name, std::size_t where, Known& known);
  [[nodiscard]] Known known_of(OwnVariable variable) const noexcept;
  bool read_quoter(std::string_view name, std::size_t where, Known& known);
  [[nodiscard]] std::uint8_t quoter(std::string_view type);
  // Nothing: there is no quoting for that type, and what is not quoted is refused.
  [[nodiscard]] std::optional<UnaskedQuoting> unasked_quoting(std::string_view type);
  bool wants_services(std::size_t where, std::string_view what);
  bool refuse_peers(std::size_t where, Known known, std::string_view what);

  // compile_items.cc
  bool read_item(const ItemDef& item, Known& known);
  bool read_argument(ReadArguments& arguments);
  bool read_arguments(std::string_view name, std::size_t min, std::size_t max, ReadArguments& arguments);
  bool end_of_item(std::string_view name, std::size_t max = 0);  // max: 0 where too many are only a missing bracket
  bool read_yes_no(std::string_view name, bool has_scope, std::string_view otherwise, Known& known);
  bool read_text_of_choice(std::string_view which, Known& known);
  bool read_choice(const ItemDef& item, Known& known);
  bool read_pure(const ItemDef& item, Known& known);
  bool read_find(const ItemDef& item, Known& known);
  bool read_fields(const ItemDef& item, Known& known);
  bool read_fields_as(const ItemDef& item, std::size_t count, Known& known);
  bool read_lookup(const ItemDef& item, Known& known);
  bool read_list_loop(const ItemDef& item, Known& known);
  bool read_sort(const ItemDef& item, Known& known);
  bool read_substitute(const ItemDef& item, Known& known);
  bool read_environment(const ItemDef& item, Known& known);
  bool read_read_file(const ItemDef& item, Known& known);
  bool read_read_socket(const ItemDef& item, Known& known);
  bool read_run(const ItemDef& item, Known& known);
  bool read_acl(const ItemDef& item, Known& known);
  bool read_prvs(const ItemDef& item, Known& known);
  bool read_prvscheck(const ItemDef& item, Known& known);
  bool read_auth_results(const ItemDef& item, Known& known);
  bool read_certificate(const ItemDef& item, Known& known);
  bool read_certificate_variable(VariableId& id, Known& known);
  bool read_srs_encode(const ItemDef& item, Known& known);
  bool read_run_words(ReadArguments& words);
  bool read_replacement(std::string text, std::size_t where, Known& known);

  // compile_conditions.cc: `holds` becomes true when the condition leaves something on the output for its scope.
  bool read_condition(bool& holds);
  bool read_plain_condition(const ConditionDef& row, std::string_view name, bool& holds);
  [[nodiscard]] std::string_view take_condition_name() noexcept;
  bool read_def();
  bool read_conditions(const ConditionDef& row, std::string_view name, bool& holds);
  bool read_condition_arguments(std::string_view name, std::size_t count, ReadArguments& arguments);
  bool read_match(std::string_view name, bool& holds);
  bool read_matches_list(const ConditionDef& row, std::string_view name, bool& holds);
  bool read_each(const ConditionDef& row, std::string_view name, bool& holds);
  bool read_acl_condition(std::string_view name, bool& holds);

  const ConfigText& text_;
  std::string_view source_;
  CompileServices* services_;
  Program program_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::uint32_t barrier_ = 0;            // a jump leads there: what stands before it and behind it stays apart
  std::size_t work_ = 0;                 // instructions made, those that were dropped again included
  std::optional<std::size_t> fixed_at_;  // where all of source_ stands, when it is not the text itself
  Surroundings around_;
  std::vector<std::string> quoters_;
  std::optional<UnaskedQuoting> quoting_;  // in the text that is read, but not in the arguments of what stands in it
  bool uses_header_ = false;
  std::vector<OldName> old_names_;
  std::size_t error_at_ = 0;
  std::string reason_;
  bool is_left_out_ = false;
  std::string remedy_;
};

}  // namespace postern::expand
