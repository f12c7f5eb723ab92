// postern-limit: the least that a server must do to take mail and make it durable; bench/compare measures postern against it.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "bench/limit/server.h"

namespace {

constexpr const char* kUsage =
    "usage: postern-limit [--port N] [--directory DIRECTORY [--flush-delay-us N]]\n"
    "\n"
    "Takes mail on 127.0.0.1 and answers each message when a synchronous write has covered it; without a directory it throws\n"
    "messages away. Nothing can be got back from it: it shows what the hardware and the kernel allow.\n";

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

int complain(std::string_view argument) {
  std::fprintf(stderr, "postern-limit: cannot make sense of \"%.*s\"\n%s", static_cast<int>(argument.size()), argument.data(),
               kUsage);
  return 64;
}

}  // namespace

int main(int count, char** arguments) {
  postern::limit::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--help") return std::fputs(kUsage, stdout), 0;
    if (i + 1 == count) return complain(name);
    const std::string_view value = arguments[++i];
    if (name == "--directory" && !value.empty())
      options.directory = value;
    else if (!(name == "--port" && read_number(value, options.port)) &&
             !(name == "--flush-delay-us" && read_number(value, options.flush_delay_us)))
      return complain(name);
  }
  postern::limit::serve(options);
}
