// The questions that matching one list asks, and their answers, in order. Matching is plain code that runs from the beginning
// until it lacks an answer; when that has come, it runs again and is told the same answers as before. So there is one way
// to match, whether it waits or not, and what was answered once is not asked twice.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/coro/task.h"
#include "policy/expand/evaluate.h"
#include "policy/lists/facts.h"

namespace postern::lists {

// Of one matching, those in named lists included; further ones are not asked, and the list defers.
inline constexpr std::size_t kQuestionsMax = 1000;
inline constexpr std::size_t kFileAtUseBytesMax = 256 * 1024;  // of a file whose name is known only when a list is used

class Inquiry {
 public:
  // What an expansion came to.
  struct Expanded {
    expand::EvalResult result;
    std::string text;
  };

  explicit Inquiry(ListFacts& facts) noexcept : facts_(facts) {}

  [[nodiscard]] ListFacts& facts() const noexcept { return facts_; }

  // Each gives the answer, or null when it is to be waited for: then the matching ends here. Borrowed until the Inquiry
  // goes.
  [[nodiscard]] const expand::Answer* lookup(expand::LookupHandle handle, std::string_view file, std::string_view key);
  [[nodiscard]] const expand::Answer* file(std::string_view path);
  [[nodiscard]] const Expanded* expanded(const expand::Program& program);
  [[nodiscard]] const dns::HostNames* host_names();
  [[nodiscard]] const HostAddresses* addresses(std::string_view host);
  [[nodiscard]] const MailExchangers* mail_exchangers(std::string_view domain);

  // Whether a question is open.
  [[nodiscard]] bool waits() const noexcept { return open_.has_value(); }
  // Suspends until the open question is answered, and begins again.
  [[nodiscard]] Task<void> wait();

 private:
  using Answer = std::variant<expand::Answer, Expanded, dns::HostNames, HostAddresses, MailExchangers>;
  struct LookupQuestion {
    expand::LookupHandle handle;
    std::string file;
    std::string key;
  };
  struct FileQuestion {
    std::string path;
  };
  struct ExpansionQuestion {
    const expand::Program* program;
  };
  struct NamesQuestion {};
  struct AddressesQuestion {
    std::string host;
  };
  struct ExchangersQuestion {
    std::string domain;
  };
  using Question =
      std::variant<LookupQuestion, FileQuestion, ExpansionQuestion, NamesQuestion, AddressesQuestion, ExchangersQuestion>;

  // The answer that was given the last time round; null when this question is new.
  template <class T>
  [[nodiscard]] const T* known();
  template <class T>
  const T* keep(T answer);
  template <class T>
  const T* keep_or_open(std::optional<T> answer, Question question);
  [[nodiscard]] bool is_full() const noexcept { return answers_.size() >= kQuestionsMax; }
  [[nodiscard]] expand::Services* services() const noexcept;
  [[nodiscard]] Task<Answer> ask(const Question& question);

  ListFacts& facts_;
  std::deque<Answer> answers_;  // a deque, because answers are borrowed
  std::size_t next_ = 0;
  std::optional<Question> open_;
};

}  // namespace postern::lists
