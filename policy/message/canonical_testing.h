// For tests and the fuzz target of the canonical forms: what RFC 6376 section 3.4 says, told from the whole of a body, and runs
// over any cutting of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/message/canonical.h"

namespace postern::message::testing {

class Collected final : public CanonicalSink {
 public:
  std::string text;

 private:
  void canonical(std::string_view bytes) override { text += bytes; }
};

inline std::vector<std::string> split_lines(std::string_view body) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = body.find("\r\n");
    lines.emplace_back(body.substr(0, end));
    if (end == body.npos) return lines;
    body.remove_prefix(end + 2);
  }
}

inline std::string relax_line(const std::string& line) {
  std::string relaxed;
  bool blank = false;
  for (const char c : line) {
    if (c == ' ' || c == '\t') {
      blank = true;
      continue;
    }
    if (blank) relaxed += ' ';
    blank = false;
    relaxed += c;
  }
  return relaxed;
}

inline std::string expected_body(Canon canon, std::string_view body) {
  std::vector<std::string> lines = split_lines(body);
  if (canon == Canon::relaxed)
    for (std::string& line : lines) line = relax_line(line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::string all;
  for (const std::string& line : lines) all += line + "\r\n";
  return all.empty() && canon == Canon::simple ? "\r\n" : all;
}

// In pieces of `piece` bytes, each in a buffer of its own.
inline std::string canonical_body(Canon canon, std::string_view body, std::size_t first, std::size_t piece) {
  Collected collected;
  BodyCanonicalizer canonicalizer(canon, collected);
  for (std::size_t size = first; !body.empty(); size = piece) {
    const std::string owned(body.substr(0, size));
    canonicalizer.feed(owned);
    body.remove_prefix(owned.size());
  }
  canonicalizer.finish();
  return collected.text;
}

}  // namespace postern::message::testing
