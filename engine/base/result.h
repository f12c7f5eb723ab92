// Result<T>: a value, or the Error that kept us from it. A class and not an alias, because the compiler drops [[nodiscard]]
// of an alias without a word (tests/compile_fail holds this).
#pragma once

#include <expected>

#include "engine/base/error.h"

namespace postern::inline base {

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// `return failure(Errc::closed, "read");`
[[nodiscard]] inline std::unexpected<Error> failure(Errc code, const char* where) {
  return std::unexpected(Error{code, 0, where});
}
[[nodiscard]] inline std::unexpected<Error> failure(const Error& error) { return std::unexpected(error); }
[[nodiscard]] inline std::unexpected<Error> failure_from_errno(int os_errno, const char* where) {
  return std::unexpected(error_from_errno(os_errno, where));
}

}  // namespace postern::inline base
