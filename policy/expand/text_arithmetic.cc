#include "policy/expand/text_arithmetic.h"

#include <array>
#include <cstdint>
#include <limits>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

using Integer = std::int64_t;
constexpr Integer kLeast = std::numeric_limits<Integer>::min();
constexpr Integer kMost = std::numeric_limits<Integer>::max();

struct Binary {
  std::string_view sign;
  int priority;
};
constexpr auto kBinaries = std::to_array<Binary>(
    {{"*", 6}, {"/", 6}, {"%", 6}, {"+", 5}, {"-", 5}, {"<<", 4}, {">>", 4}, {"&", 3}, {"^", 2}, {"|", 1}});

Integer wrap(std::uint64_t bits) noexcept { return static_cast<Integer>(bits); }

class Expression {
 public:
  Expression(std::string_view text, bool decimal) noexcept : text_(text), decimal_(decimal) {}

  // False with a reason in why().
  bool run(Integer& value) {
    if (!read(1, value)) return false;
    skip_white();
    return at_ == text_.size() || fail("expecting operator");
  }
  [[nodiscard]] std::string why() const {
    return std::string("error in expression evaluation: ")
        .append(reason_)
        .append(" (after processing \"")
        .append(printable(text_.substr(0, at_), 128))
        .append("\")");
  }

 private:
  bool fail(std::string_view reason) noexcept {
    reason_ = reason;
    return false;
  }
  void skip_white() noexcept {
    while (at_ < text_.size() && is_white(text_[at_])) ++at_;
  }
  bool take(char c) noexcept {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Operators of at least that priority.
  bool read(int priority, Integer& value) {
    if (!read_operand(value)) return false;
    while (const Binary* const binary = next_binary(priority)) {
      at_ += binary->sign.size();
      Integer right = 0;
      if (!read(binary->priority + 1, right)) return false;
      if (!apply(binary->sign.front(), value, right)) return false;
    }
    return true;
  }

  const Binary* next_binary(int priority) noexcept {
    skip_white();
    for (const Binary& binary : kBinaries)
      if (binary.priority >= priority && text_.substr(at_).starts_with(binary.sign)) return &binary;
    return nullptr;
  }

  bool read_operand(Integer& value) {
    if (depth_ == kExpressionDepthMax) return fail("nested too deeply");
    ++depth_;
    skip_white();
    bool good = true;
    if (take('-')) {
      good = read_operand(value);
      value = wrap(0 - static_cast<std::uint64_t>(value));
    } else if (take('+')) {
      good = read_operand(value);
    } else if (take('~')) {
      good = read_operand(value);
      value = ~value;
    } else if (take('(')) {
      good = read(1, value);
      skip_white();
      good = good && (take(')') || fail("expecting closing parenthesis"));
    } else {
      good = read_number(value);
    }
    --depth_;
    return good;
  }

  bool read_number(Integer& value) {
    if (at_ == text_.size() || !smtp::is(smtp::CharClass::digit, text_[at_]))
      return fail("expecting number or opening parenthesis");
    const unsigned base = take_base();
    value = 0;
    for (; at_ < text_.size() && smtp::is(smtp::CharClass::hex, text_[at_]); ++at_) {
      const unsigned digit = smtp::hex_value(text_[at_]);
      if (digit >= base) break;
      if (__builtin_mul_overflow(value, Integer{base}, &value) || __builtin_add_overflow(value, Integer{digit}, &value))
        value = kMost;
    }
    take_unit(value);
    return true;
  }

  unsigned take_base() noexcept {
    if (decimal_ || text_[at_] != '0') return 10;
    const bool has_prefix =
        at_ + 2 < text_.size() && smtp::lower(text_[at_ + 1]) == 'x' && smtp::is(smtp::CharClass::hex, text_[at_ + 2]);
    if (!has_prefix) return 8;
    at_ += 2;
    return 16;
  }

  void take_unit(Integer& value) noexcept {
    if (at_ == text_.size()) return;
    unsigned shift = 0;
    switch (smtp::lower(text_[at_])) {
      case 'k': shift = 10; break;
      case 'm': shift = 20; break;
      case 'g': shift = 30; break;
      default: return;
    }
    ++at_;
    value = wrap(static_cast<std::uint64_t>(value) << shift);
  }

  bool apply(char sign, Integer& left, Integer right) {
    const auto bits = static_cast<std::uint64_t>(left);
    switch (sign) {
      case '*': left = wrap(bits * static_cast<std::uint64_t>(right)); return true;
      case '/': return divide(left, right);
      case '%': return take_remainder(left, right);
      case '+': return !__builtin_add_overflow(left, right, &left) || fail("overflow in sum");
      case '-': return !__builtin_sub_overflow(left, right, &left) || fail("overflow in difference");
      case '<': left = wrap(bits << (right & 63)); return true;
      case '>': left >>= right & 63; return true;
      case '&': left &= right; return true;
      case '^': left ^= right; return true;
      default: left |= right; return true;
    }
  }
  bool divide(Integer& left, Integer right) {
    if (right == 0) return fail("divide by zero");
    left = left == kLeast && right == -1 ? kMost : left / right;
    return true;
  }
  bool take_remainder(Integer& left, Integer right) {
    if (right == 0) return fail("modulo by zero");
    left = right == -1 ? 0 : left % right;
    return true;
  }

  std::string_view text_;
  bool decimal_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::string_view reason_;
};

bool evaluate_expression(std::string& out, std::size_t from, bool decimal, std::string& why) {
  const std::string operand = take_operand(out, from);
  Expression expression(operand, decimal);
  Integer value = 0;
  if (!expression.run(value)) return refuse(why, expression.why());
  append_number(out, value);
  return true;
}

}  // namespace

bool eval(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return evaluate_expression(out, from, false, why);
}
bool eval10(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return evaluate_expression(out, from, true, why);
}

}  // namespace postern::expand
