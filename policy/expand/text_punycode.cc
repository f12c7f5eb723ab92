#include "policy/expand/text_punycode.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kTMin = 1;
constexpr std::uint32_t kTMax = 26;
constexpr std::uint32_t kSkew = 38;
constexpr std::uint32_t kDamp = 700;
constexpr std::uint32_t kInitialBias = 72;
constexpr std::uint32_t kInitialN = 128;
constexpr std::uint32_t kCodePointMax = 0x10ffff;
constexpr std::uint64_t kDeltaMax = std::numeric_limits<std::uint32_t>::max();

// Section 6.1.
std::uint32_t adapt(std::uint64_t delta, std::uint64_t points, bool first) noexcept {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > (kBase - kTMin) * kTMax / 2; k += kBase) delta /= kBase - kTMin;
  return k + static_cast<std::uint32_t>((kBase - kTMin + 1) * delta / (delta + kSkew));
}

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) noexcept { return k <= bias ? kTMin : std::min(k - bias, kTMax); }

char digit(std::uint32_t value) noexcept { return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26)); }

std::optional<std::uint32_t> value_of(char c) noexcept {
  if (smtp::is(smtp::CharClass::alpha, c)) return static_cast<std::uint32_t>(smtp::lower(c) - 'a');
  if (smtp::is(smtp::CharClass::digit, c)) return static_cast<std::uint32_t>(c - '0') + 26;
  return std::nullopt;
}

std::optional<std::vector<std::uint32_t>> code_points(std::string_view utf8) {
  std::vector<std::uint32_t> points;
  while (!utf8.empty()) {
    const std::size_t length = utf8_sequence_length(utf8);
    if (length == 0) return std::nullopt;
    const auto first = static_cast<unsigned char>(utf8[0]);
    std::uint32_t point = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3fU);
    points.push_back(point);
    utf8.remove_prefix(length);
  }
  return points;
}

void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
    return;
  }
  const unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  out.push_back(static_cast<char>((0xff00U >> (more + 1) & 0xffU) | point >> 6 * more));
  for (unsigned i = more; i-- > 0;) out.push_back(static_cast<char>(0x80U | (point >> 6 * i & 0x3fU)));
}

void append_delta(std::string& out, std::uint64_t delta, std::uint32_t bias) {
  for (std::uint32_t k = kBase;; k += kBase) {
    const std::uint32_t t = threshold(k, bias);
    if (delta < t) break;
    out.push_back(digit(static_cast<std::uint32_t>(t + (delta - t) % (kBase - t))));
    delta = (delta - t) / (kBase - t);
  }
  out.push_back(digit(static_cast<std::uint32_t>(delta)));
}

// Takes the digits of one delta; nothing when they end too early or mean too much.
std::optional<std::uint64_t> take_delta(std::string_view& digits, std::uint32_t bias) noexcept {
  std::uint64_t delta = 0;
  std::uint64_t weight = 1;
  for (std::uint32_t k = kBase; !digits.empty(); k += kBase) {
    const std::optional<std::uint32_t> value = value_of(digits.front());
    digits.remove_prefix(1);
    if (!value) return std::nullopt;
    delta += *value * weight;
    if (delta > kDeltaMax) return std::nullopt;
    const std::uint32_t t = threshold(k, bias);
    if (*value < t) return delta;
    weight *= kBase - t;
    if (weight > kDeltaMax) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

// Section 6.3.
bool append_punycode(std::string& out, std::string_view utf8) {
  if (utf8.size() > kPunycodeBytesMax) return false;
  const std::optional<std::vector<std::uint32_t>> points = code_points(utf8);
  if (!points) return false;
  std::uint64_t done = 0;
  for (const std::uint32_t point : *points)
    if (point < kInitialN) {
      out.push_back(static_cast<char>(point));
      ++done;
    }
  const std::uint64_t basic = done;
  if (basic != 0) out.push_back('-');
  std::uint32_t bias = kInitialBias;
  std::uint64_t delta = 0;
  for (std::uint32_t n = kInitialN; done < points->size(); ++n, ++delta) {
    std::uint32_t next = kCodePointMax;
    for (const std::uint32_t point : *points)
      if (point >= n) next = std::min(next, point);
    delta += std::uint64_t{next - n} * (done + 1);
    n = next;
    for (const std::uint32_t point : *points) {
      if (point < n) ++delta;
      if (point != n) continue;
      append_delta(out, delta, bias);
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
  }
  return true;
}

// Section 6.2.
bool append_punycode_decoded(std::string& out, std::string_view label) {
  if (label.size() > kPunycodeBytesMax || !is_ascii(label)) return false;
  std::vector<std::uint32_t> points;
  if (const std::size_t hyphen = label.rfind('-'); hyphen != label.npos) {
    points.assign(label.begin(), label.begin() + static_cast<std::ptrdiff_t>(hyphen));
    label.remove_prefix(hyphen + 1);
  }
  std::uint64_t n = kInitialN;
  std::uint64_t at = 0;
  std::uint32_t bias = kInitialBias;
  bool first = true;
  while (!label.empty()) {
    const std::optional<std::uint64_t> delta = take_delta(label, bias);
    if (!delta) return false;
    const std::uint64_t count = points.size() + 1;
    bias = adapt(*delta, count, first);
    first = false;
    at += *delta;
    n += at / count;
    at %= count;
    if (n > kCodePointMax || (n >= 0xd800 && n <= 0xdfff)) return false;
    points.insert(points.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint32_t>(n));
    ++at;
  }
  for (const std::uint32_t point : points) append_utf8(out, point);
  return true;
}

}  // namespace postern::expand
