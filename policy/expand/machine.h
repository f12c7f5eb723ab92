// The machine that runs a Program. All text it works on stands at the end of the output itself: arguments are expanded there
// and taken off again, and what a scope holds (the value of a lookup, a matched subject, the list of a loop) lies there under
// the text that is made with it. So a program that asks nobody needs no memory of its own. Beside the output there are a stack
// of marks (where arguments begin, and whose bytes stand before them), one of scopes, and one of captures.
//
// It has no recursion, bounded steps and bounded output. When an answer is to be waited for, run() returns and resume() goes
// on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/expand/conditions.h"
#include "policy/expand/eval_context.h"
#include "policy/expand/evaluate.h"
#include "policy/expand/program.h"
#include "policy/expand/regex.h"
#include "policy/expand/services.h"
#include "policy/expand/small_stack.h"
#include "policy/expand/taint.h"
#include "policy/expand/text_prvs.h"

namespace postern::expand {

inline constexpr std::size_t kArgumentsMax = 32;    // of one item
inline constexpr std::size_t kReexpansionsMax = 8;  // ${expand:} within ${expand:}
inline constexpr std::size_t kBytesPerStep = 256;   // so many bytes appended or compared count as one more step

class Machine {
 public:
  // Everything is borrowed until the machine is gone.
  Machine(const Program& program, const EvalContext& context, std::string& out, std::size_t output_max);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  using Question = std::variant<std::monostate, LookupQuestion, ListQuestion, AclQuestion, FileQuestion, VariableId,
                                ReadSocketQuestion, RunQuestion>;

  // To the end, or to the next question whose answer must be waited for.
  void run();
  void run(const Part& part);
  // monostate: it has ended. The texts in a question stay until resume().
  [[nodiscard]] const Question& question() const noexcept { return question_; }
  void resume(Answer answer);
  // Once it has ended; the output is as it was before unless the result is ok.
  [[nodiscard]] EvalResult take_result();

 private:
  // Text on the output.
  struct Piece {
    std::size_t at = 0;
    std::size_t size = 0;
    Taint taint;
    bool is_set = false;
  };
  struct Mark {
    std::size_t at;
    Taint before;  // of the text in front, up to the mark under this one
  };
  struct Scope {
    std::size_t base = 0;
    std::size_t result = 0;
    std::size_t captures = 0;
    Piece value;
    Piece item;
    // Of loops. On the output: the list, then what was kept, then the item.
    LoopKind kind = LoopKind::map;
    Items items = Items::list;
    char separator = ':';
    bool keeps_any = false;
    std::size_t list_begin = 0;
    std::size_t list_end = 0;
    std::size_t list_at = 0;
    std::size_t kept_end = 0;
    std::size_t sorted = 0;          // the first of its entries in sorted_
    const Regex* regex = nullptr;    // substitute: what is looked for in the list's place
    bool after_empty_match = false;  // substitute: at list_at
    Piece replacement;
    Taint list_taint;
    Taint kept_taint;
  };
  // An item of a list being sorted, and what it is sorted by.
  struct Sorted {
    std::size_t item = 0;
    std::size_t item_size = 0;
    std::size_t key_size = 0;  // it stands behind the item
  };
  struct Captures {
    std::size_t subject = 0;  // on the output
    Taint taint;
    Regex::Captures groups;
    bool has_whole = true;  // false: $0 is that of the captures before
  };
  // An address that ${prvscheck has found to be signed.
  struct Signed {
    std::string text;  // as it was given, which the rest views
    PrvsAddress parsed;
    Taint taint;
  };
  // What inbound_srs has found in a local part.
  struct SrsRecipient {
    std::string text;
    Taint taint;
  };
  struct Call {
    const Program* program;
    std::uint32_t next;
    std::uint32_t end;
    std::unique_ptr<const Program> callee;
  };
  // The arguments of one instruction, still on the output from `base` on.
  struct Arguments {
    std::size_t base = 0;
    std::size_t count = 0;
    std::array<std::string_view, kArgumentsMax> text;
    std::array<Taint, kArgumentsMax> taint;
    [[nodiscard]] std::span<const std::string_view> texts() const noexcept { return std::span(text).first(count); }
    [[nodiscard]] Taint all() const noexcept {
      Taint sum;
      for (std::size_t i = 0; i < count; ++i) sum += taint[i];
      return sum;
    }
  };

  // Each of these returns false when the machine is to stop: it failed, or waits.
  bool step(const Instruction& i);
  bool step_condition(const Instruction& i);
  bool fail(std::string why);
  bool fail_as(EvalStatus status, std::string why);
  bool append(std::string_view bytes, Taint taint);
  bool spend(std::size_t bytes);
  void go();

  void take_arguments(std::size_t count);
  void drop_arguments() { out_.resize(arguments_.base); }
  bool append_result(std::string_view bytes, Taint taint);
  bool set_found(std::string_view value, Taint taint);
  bool set_not_found();
  bool decide(bool truth);

  bool append_own(OwnVariable variable);
  bool append_capture(std::uint32_t number);
  bool append_acl_variable(std::string_view name);
  bool append_piece(const Piece& piece);
  bool operate(const Instruction& i);
  bool sign_prvs(const Instruction& i);
  bool begin_prvs(const Instruction& i);
  bool check_prvs();
  bool end_prvs(const Instruction& i);
  bool find_in_certificate(VariableId id);
  bool write_auth_results();
  bool encode_srs();
  bool test_srs();
  bool append_srs_recipient();
  bool name_list(const Instruction& i);
  [[nodiscard]] std::int64_t today();
  bool quote_for_lookup(const Instruction& i);
  [[nodiscard]] bool follows_lone_backslash() noexcept;
  bool reexpand();
  bool return_from_call();
  bool apply_item(const Instruction& i);
  bool find_in_text(const Instruction& i);
  bool call(std::string_view text, Taint taint);
  bool read_environment();

  void enter();
  void leave();
  bool begin_loop(const Instruction& i);
  bool next_of_loop(const Instruction& i);
  // Into scratch_. Nothing: it failed.
  std::optional<bool> next_item(Scope& scope);
  std::optional<bool> next_json(Scope& scope);
  bool keep_in_loop(const Instruction& i);
  bool end_loop(const Instruction& i);
  bool next_match(const Instruction& i);
  bool sort_kept(const Instruction& i);
  void restore(const Scope& scope);
  const Regex* make_regex(std::string_view pattern);

  bool test_strings(const Instruction& i);
  bool test_numbers(const Instruction& i);
  bool test_match(const Instruction& i);
  bool test_inlist(const Instruction& i);

  // Asks; what the answer does is in receive().
  template <class Q>
  bool ask(const Q& question, std::optional<Answer> (Services::*now)(const Q&));
  bool ask_variable(VariableId id);
  bool ask_lookup(const Instruction& i);
  bool ask_list(const Instruction& i);
  bool ask_acl(const Instruction& i);
  bool ask_file(FileQuestion::Kind kind, std::string_view what);
  bool ask_socket(const Instruction& i);
  bool ask_run(const Instruction& i);
  bool receive(Answer&& answer);
  bool receive_found(const Answer& answer);
  bool receive_match(const Answer& answer);
  bool receive_file(const Answer& answer);
  bool receive_acl(const Answer& answer, bool is_condition);
  bool receive_socket(const Instruction& i, const Answer& answer);
  bool receive_run(const Answer& answer);
  bool refuse_peers(std::size_t argument, std::string_view what);

  const Program* program_;
  const EvalContext& context_;
  std::string& out_;
  const std::size_t before_;
  const std::size_t limit_;
  std::uint64_t steps_left_ = kStepsMax;
  std::uint64_t regex_steps_left_ = Regex::kStepsMax;
  std::uint32_t next_ = 0;
  std::uint32_t end_ = 0;
  bool truth_ = false;
  Taint taint_;  // of the text behind the last mark
  Piece value_;
  Piece item_;
  int runrc_ = 0;
  SmallStack<Mark, 12> marks_;
  SmallStack<Scope, 2> scopes_;
  std::vector<Captures> captures_;  // the last holds $0 and on; when there is none, the context does
  std::vector<Sorted> sorted_;
  std::vector<std::shared_ptr<const Regex>> regexes_;
  std::vector<Call> calls_;
  std::vector<std::unique_ptr<Signed>> signed_;  // the last one is being checked
  std::optional<bool> is_signature_valid_;       // of the last ${prvscheck in this expansion
  std::unique_ptr<SrsRecipient> srs_recipient_;  // of the last inbound_srs in this expansion
  Arguments arguments_;
  std::string scratch_;  // its memory outlives this expansion and serves the thread's next one
  std::string why_;
  Question question_;
  EvalResult result_;
};

}  // namespace postern::expand
