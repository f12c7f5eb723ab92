// The order of a list, kept where it matters. Items of one sign that stand side by side form a run: within it the order makes
// no difference, so a run may be searched in any way it likes. The first run that matches decides; when none does, a subject is
// in the list exactly when the last item is a negative one.
#pragma once

#include <utility>
#include <vector>

namespace postern::lists {

template <class Run>
class RunList {
 public:
  // The run that an item of this sign joins. A new one is begun when the sign changes.
  template <class... Args>
  Run& of_sign(bool positive, Args&&... args) {
    if (runs_.empty() || runs_.back().positive != positive) return begin(positive, std::forward<Args>(args)...);
    return runs_.back().run;
  }
  template <class... Args>
  Run& begin(bool positive, Args&&... args) {
    return runs_.emplace_back(positive, Run(std::forward<Args>(args)...)).run;
  }

  template <class Test>
  [[nodiscard]] bool matches(Test test) const noexcept {
    for (const Signed& each : runs_)
      if (test(each.run)) return each.positive;
    return !runs_.empty() && !runs_.back().positive;
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (Signed& each : runs_) visit(each.run);
  }
  [[nodiscard]] bool empty() const noexcept { return runs_.empty(); }

 private:
  struct Signed {
    bool positive;
    Run run;
  };
  std::vector<Signed> runs_;
};

}  // namespace postern::lists
