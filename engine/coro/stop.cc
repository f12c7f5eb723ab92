#include "engine/coro/stop.h"

#include "engine/base/check.h"

namespace postern::inline coro {

void StopListener::listen(StopSource& source) {
  POSTERN_CHECK(source_ == nullptr);
  if (source.requested_) return on_stop();
  source_ = &source;
  next_ = source.first_;
  if (next_ != nullptr) next_->prev_ = this;
  source.first_ = this;
}

void StopListener::unlisten() noexcept {
  if (source_ == nullptr) return;
  (prev_ != nullptr ? prev_->next_ : source_->first_) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  prev_ = next_ = nullptr;
  source_ = nullptr;
}

StopSource::~StopSource() {
  while (first_ != nullptr) first_->unlisten();
}

void StopSource::request_stop() {
  if (requested_) return;
  requested_ = true;
  while (first_ != nullptr) {
    StopListener& listener = *first_;
    listener.unlisten();
    listener.on_stop();
  }
}

}  // namespace postern::inline coro
