// Asking an ACL.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/coro/frame_pool.h"
#include "engine/coro/task.h"
#include "policy/acl/acl.h"
#include "policy/acl/phases.h"
#include "policy/acl/state.h"
#include "policy/acl/world.h"
#include "policy/expand/evaluate.h"

namespace postern::acl {

inline constexpr unsigned kDepthMax = 20;  // ACLs that ask ACLs

enum class AclVerdict : std::uint8_t {
  accept,
  deny,
  defer,    // as written, or because something could not be expanded
  drop,     // deny, and close the connection
  discard,  // tell the peer yes, and send what was judged nowhere
};

struct [[nodiscard]] AclOutcome {
  AclVerdict verdict = AclVerdict::deny;
  // The text of `message`; empty: the built-in reply. It may begin with a reply code and an enhanced code ("550 5.7.1 no"),
  // and lines are separated by \n; the session sees to both.
  std::string message = {};
  // For the log line of a refusal; empty: `message` is logged.
  std::string log_message = {};
};

// One condition or modifier, as a listener that traces is told of it.
struct StepTrace {
  std::string_view source;  // as written
  std::string_view value;   // of its text, expanded; empty where there is none
  std::string_view result;  // "true", "false", "deferred", "skipped"; empty for modifiers
  std::string_view why;     // of "deferred"
};

// Who hears what an ACL has to say beside its outcome.
class AclListener {
 public:
  virtual ~AclListener() = default;
  // A warn statement whose conditions were true: its log_message, for the main log ("Warning: ...").
  virtual void warning(std::string_view text) = 0;
  // A warn statement that could not be judged, and was passed over; for the main log (acl_warn_skipped).
  virtual void skipped(std::string_view text) = 0;
  // A text of the configuration could not be expanded or understood; for the panic log.
  virtual void trouble(std::string_view text) = 0;
  // logwrite.
  virtual void note(LogTargets targets, std::string_view text) { static_cast<void>(targets), static_cast<void>(text); }

  // For tracing; called only when traces() is true.
  [[nodiscard]] virtual bool traces() const { return false; }
  virtual void begins(const Acl& acl, const Statement& statement, unsigned depth) {
    static_cast<void>(acl), static_cast<void>(statement), static_cast<void>(depth);
  }
  virtual void did(const StepTrace& step, unsigned depth) { static_cast<void>(step), static_cast<void>(depth); }
};

// What is judged. Everything is borrowed for the time of the call; fields that the phase does not know stay as they are.
struct AclSubject {
  const expand::EvalContext& variables;
  IpAddress client = {};
  std::string_view sender = {};      // "local_part@domain"; empty for the null reverse-path
  std::string_view recipient = {};   // likewise; of RCPT and VRFY
  std::string_view local_part = {};  // of the recipient, without quotes
  std::string_view domain = {};      // of the recipient
  AclListener* listener = nullptr;
  std::optional<Phase> phase = {};  // a word that is not allowed in it is found here when it was not found at load
  bool encrypted = false;
  std::string_view cipher = {};         // when encrypted
  std::string_view authenticator = {};  // by which the client has authenticated itself; empty: it has not
  std::string_view helo = {};
  std::optional<std::uint64_t> message_bytes = {};  // once the message is here
  std::uint32_t recipients = 0;                     // accepted so far
  AclState* state = nullptr;                        // null: nothing can be set
  AclWorld* world = nullptr;                        // null: nothing can be asked
};

enum class Truth : std::uint8_t {
  no,
  yes,
  ignored,  // as if the condition were not there, negated or not
  unknown,  // temporary trouble, and `why` says which
  error,    // the configuration makes no sense here, and `why` says how: temporary trouble, and a line in the panic log
  waits,    // an answer is not there yet: the row's `wait` gets it
};

// One step while it is done.
struct Doing {
  const AclSubject& subject;
  const Step* step = nullptr;
  std::string text = {};  // of its argument, expanded
  expand::Bytes bytes = expand::Bytes::ours;
  std::string why = {};          // of Truth::unknown and Truth::error
  std::string message = {};      // for the client when this decides and the statement has no message of its own
  std::string log_message = {};  // likewise, for the log
};

// What the step's argument says, and what keeps it: read at load, or now from what it expanded to. Its get() is nullptr, with
// doing.why, when that cannot be read.
template <class Words>
class WordsOf {
 public:
  WordsOf(Doing& doing, std::optional<Words> (*read)(std::string_view, std::string&)) : told_(told(doing)) {
    if (!told_) read_ = read(doing.text, doing.why);
  }
  [[nodiscard]] const Words* get() const noexcept { return told_ ? &*told_ : read_ ? &*read_ : nullptr; }

 private:
  static const std::optional<Words>& told(const Doing& doing) { return std::get<Told<Words>>(doing.step->argument).words; }
  const std::optional<Words>& told_;  // of the program, which outlives its runs
  std::optional<Words> read_;
};

// Statements in order until one decides; at the end, deny. Goes on until it has to wait, and costs no coroutine frame then; it
// allocates only for texts. One shard.
//
//   AclRun run(acl, subject);
//   while (!run.advance()) co_await run.wait();
//   use(run.take());
class AclRun {
 public:
  // `acl` is borrowed, or kept when it is shared. `arguments` are borrowed.
  AclRun(const Acl& acl, const AclSubject& subject, std::span<const AclArgument> arguments = {});
  AclRun(const AclRun&) = delete;
  AclRun& operator=(const AclRun&) = delete;
  ~AclRun();
  [[nodiscard]] static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

  // True: the outcome is there.
  [[nodiscard]] bool advance();
  // After advance() said false.
  [[nodiscard]] Task<void> wait();
  [[nodiscard]] AclOutcome take() { return std::move(outcome_); }

 private:
  // What comes next.
  enum class Stage : std::uint8_t { statement, step, argument, test, tested, message, log_message, decided, done };

  struct Frame {
    const Acl* acl = nullptr;
    std::shared_ptr<const Acl> kept;  // when nobody else keeps it
    std::size_t statement = 0;
    std::size_t step = 0;
    std::vector<AclArgument> owned_arguments;  // of this ACL, when another one called it
    std::vector<AclArgument> words;            // of the ACL that is about to be called: its name, and its arguments
    std::span<const AclArgument> arguments;
    bool endpass = false;
    bool discards = false;  // a nested ACL said so
    bool drops = false;     // likewise
    const expand::Program* message = nullptr;
    const expand::Program* log_message = nullptr;
    std::string condition_message;  // what a condition said
    std::string condition_log_message;
    AclOutcome outcome;
    bool is_error = false;
  };

  void go_on();
  void begin_statement();
  void begin_step();
  void begin_argument();
  void test();
  void tested();
  void judge(Truth truth);
  void decide(AclVerdict verdict, bool keeps_condition_messages);
  void message_expanded();
  void log_message_expanded();
  void finish_frame();
  void return_to_caller(Frame callee);
  void finish_warn();
  void call_acl();
  void enter(const Acl& acl, std::shared_ptr<const Acl> kept, std::vector<AclArgument> arguments);

  // Expands into doing_.text, and goes on at `then`; when the text may wait, wait() does it.
  void expand(const expand::Program& program, Stage then);
  [[nodiscard]] bool phase_allows(const Step& step);
  void trace_step(std::string_view result);

  [[nodiscard]] Frame& frame() noexcept { return frames_.empty() ? first_ : frames_.back(); }
  [[nodiscard]] const Statement& statement() { return frame().acl->statements[frame().statement]; }
  [[nodiscard]] const Step& step() { return statement().steps[frame().step]; }
  [[nodiscard]] unsigned depth() const noexcept { return base_depth_ + static_cast<unsigned>(frames_.size()); }
  void note_depth();

  AclSubject subject_;
  Doing doing_;
  Frame first_;
  std::vector<Frame> frames_;  // of ACLs that were called
  Stage stage_ = Stage::statement;
  Truth truth_ = Truth::yes;
  expand::EvalResult expanded_;
  const expand::Program* to_expand_ = nullptr;  // by wait()
  bool to_test_ = false;                        // likewise
  unsigned base_depth_ = 0;
  std::span<const AclArgument> outer_arguments_;
  AclOutcome outcome_;
};

// For ACLs that never wait, and for those who cannot: what would have to wait is temporary trouble.
AclOutcome run(const Acl& acl, const AclSubject& subject);

}  // namespace postern::acl
