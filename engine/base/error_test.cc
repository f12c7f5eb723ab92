#include "engine/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "engine/base/result.h"

namespace postern {
namespace {

TEST(Error, ErrnoBecomesWhatACallerCanActOn) {
  static constexpr struct {
    int os_errno;
    Errc code;
  } kCases[] = {
      {ETIMEDOUT, Errc::timed_out},
      {ETIME, Errc::timed_out},
      {ECANCELED, Errc::stopped},
      {EPIPE, Errc::reset},
      {ECONNRESET, Errc::reset},
      {ECONNREFUSED, Errc::refused},
      {ENETUNREACH, Errc::unreachable},
      {EHOSTUNREACH, Errc::unreachable},
      {ENOSPC, Errc::disk_full},
      {EDQUOT, Errc::disk_full},
      {ENOENT, Errc::not_found},
      {EEXIST, Errc::exists},
      {EADDRINUSE, Errc::busy},
      {EMFILE, Errc::too_large},
      {ENOTSUP, Errc::unsupported},
      {EACCES, Errc::denied},
      {EPERM, Errc::denied},
      {EINVAL, Errc::invalid},
      {EIO, Errc::io},
      {12345, Errc::io},
  };
  for (const auto& c : kCases) {
    const Error error = error_from_errno(c.os_errno, "test");
    EXPECT_EQ(error.code, c.code) << c.os_errno;
    EXPECT_EQ(error.os_errno, c.os_errno);
  }
}

TEST(Error, DescriptionsNameTheOperation) {
  EXPECT_EQ(describe(error_from_errno(ENOSPC, "open segment")), "open segment: No space left on device");
  EXPECT_EQ(describe(Error{Errc::timed_out, 0, "read"}), "read: timed out");
  EXPECT_EQ(describe(Error{Errc::closed}), "closed by the other side");
  EXPECT_EQ(describe(error_from_errno(12345, "read")), "read: unknown errno");
}

TEST(Error, EveryCodeHasAWordOfItsOwn) {
  std::set<std::string_view> words;
  for (int code = 0; code <= static_cast<int>(Errc::io); ++code) {
    EXPECT_NE(to_string(static_cast<Errc>(code)), "unknown error");
    words.insert(to_string(static_cast<Errc>(code)));
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(Errc::io) + 1);
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<std::string> good = std::string("text");
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, "text");
  const Result<std::string> bad = failure(Errc::closed, "read");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error(), (Error{Errc::closed, 0, "read"}));
  const Result<void> passed_on = failure(bad.error());
  EXPECT_EQ(passed_on.error().code, Errc::closed);
  const Result<int> from_kernel = failure_from_errno(ENOENT, "open");
  EXPECT_EQ(from_kernel.error().code, Errc::not_found);
}

}  // namespace
}  // namespace postern
