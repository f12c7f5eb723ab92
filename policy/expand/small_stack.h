// A stack whose first elements need no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace postern::expand {

template <class T, std::size_t kInline>
class SmallStack {
 public:
  void push(const T& element) {
    if (size_ < kInline) {
      inline_[size_] = element;
    } else {
      spilled_.push_back(element);
    }
    ++size_;
  }
  void pop() noexcept {
    if (size_ > kInline) spilled_.pop_back();
    --size_;
  }
  [[nodiscard]] T& operator[](std::size_t at) noexcept { return at < kInline ? inline_[at] : spilled_[at - kInline]; }
  [[nodiscard]] T& top() noexcept { return (*this)[size_ - 1]; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::array<T, kInline> inline_;
  std::vector<T> spilled_;
  std::size_t size_ = 0;
};

}  // namespace postern::expand
