#include "policy/lookup/matching.h"

#include <algorithm>

namespace postern::lookup {

bool KeySequence::next(std::string_view& key) {
  wild_.reset();
  switch (step_) {
    case Step::whole:
      step_ = Step::with_affix;
      key = key_;
      return true;
    case Step::with_affix:
      step_ = Step::shorter;
      if (written_.partial) {
        dots_left_ = static_cast<std::size_t>(std::ranges::count(key_, '.'));
        if (!written_.partial->affix.empty()) {
          made_.assign(written_.partial->affix).append(key_);
          wild_ = Wild{0, 0};
          key = made_;
          return true;
        }
      }
      [[fallthrough]];
    case Step::shorter:
      if (written_.partial && shorten()) {
        key = made_;
        return true;
      }
      step_ = Step::star_at;
      [[fallthrough]];
    case Step::star_at:
      step_ = Step::star;
      if (written_.fallback == Default::star_at) {
        const std::size_t at = key_.rfind('@');
        if (at != std::string_view::npos && at > 0) {
          made_.assign("*").append(key_.substr(at));
          wild_ = Wild{at, key_.size()};
          key = made_;
          return true;
        }
      }
      [[fallthrough]];
    case Step::star:
      step_ = Step::end;
      if (written_.fallback != Default::none) {
        wild_ = Wild{key_.size(), key_.size()};
        key = "*";
        return true;
      }
      return false;
    case Step::end: break;
  }
  return false;
}

// The components that are left are one more than the dots; `dots_left_` counts those behind fixed_.
bool KeySequence::shorten() {
  const Partial& partial = *written_.partial;
  if (fixed_ == key_.size()) return false;
  const std::size_t dot = key_.find('.', fixed_);
  if (dot != std::string_view::npos) {
    if (dots_left_ < partial.components_min) return false;
    --dots_left_;
    fixed_ = dot + 1;
    wild_ = Wild{dot, dot + 1};
    made_.assign(partial.affix).append(key_.substr(fixed_));
    return true;
  }
  if (partial.components_min > 0 || partial.affix.empty()) return false;
  fixed_ = key_.size();
  wild_ = Wild{key_.size() - 1, key_.size()};  // Exim drops a byte here, as if a dot followed
  made_ = partial.affix;
  if (made_.size() > 1 && made_.ends_with('.')) made_.pop_back();
  return true;
}

}  // namespace postern::lookup
