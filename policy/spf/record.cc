#include "policy/spf/record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/peer_text.h"
#include "net/dns/names.h"
#include "policy/spf/macro.h"

namespace postern::spf {
namespace {

constexpr std::string_view kVersion = "v=spf1";
constexpr std::size_t kShownBytesMax = 64;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<Mechanism> mechanism_named(std::string_view name) noexcept {
  static constexpr std::array<std::pair<std::string_view, Mechanism>, 8> kMechanisms{{{"all", Mechanism::all},
                                                                                      {"include", Mechanism::include},
                                                                                      {"a", Mechanism::a},
                                                                                      {"mx", Mechanism::mx},
                                                                                      {"ptr", Mechanism::ptr},
                                                                                      {"ip4", Mechanism::ip4},
                                                                                      {"ip6", Mechanism::ip6},
                                                                                      {"exists", Mechanism::exists}}};
  for (const auto& [known, mechanism] : kMechanisms)
    if (dns::same_name(name, known)) return mechanism;
  return std::nullopt;
}

// name of RFC 7208 section 12: what stands before the "=" of a modifier
bool is_modifier_name(std::string_view name) noexcept {
  return !name.empty() && is_alpha(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; });
}

// A prefix length without leading zeros.
std::optional<std::uint8_t> read_bits(std::string_view digits, unsigned most) noexcept {
  if (digits.empty() || digits.size() > 3 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  unsigned bits = 0;
  for (const char c : digits) bits = bits * 10 + static_cast<unsigned>(c - '0');
  if (bits > most) return std::nullopt;
  return static_cast<std::uint8_t>(bits);
}

// ip4-network: four numbers without leading zeros
std::optional<IpAddress> read_ip4(std::string_view text) noexcept {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const std::size_t end = i < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    const std::optional<std::uint8_t> number = read_bits(text.substr(0, end), 255);
    if (!number) return std::nullopt;
    value = value << 8U | *number;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return IpAddress::v4(value);
}

// ::ffff:a.b.c.d as the IPv6 address that ip6 means by it: it matches no IPv4 client (RFC 7208 section 5).
IpAddress mapped(const IpAddress& address) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  bytes[10] = bytes[11] = 0xff;
  std::copy_n(address.bytes().begin(), 4, bytes.begin() + 12);
  return IpAddress::v6(bytes);
}

// Takes "/DIGITS" off the end; nothing when there is none.
std::optional<std::string_view> take_cidr(std::string_view& text) noexcept {
  std::size_t at = text.size();
  while (at > 0 && is_digit(text[at - 1])) --at;
  if (at == text.size() || at == 0 || text[at - 1] != '/') return std::nullopt;
  const std::string_view digits = text.substr(at);
  text.remove_suffix(digits.size() + 1);
  return digits;
}

class Reader {
 public:
  Reader(std::string_view text, RecordError& error) noexcept : text_(text), error_(error) {}

  std::optional<Record> read() {
    if (text_.size() > kRecordBytesMax) {
      error_.message = "the record has more than " + std::to_string(kRecordBytesMax) + " bytes";
      return std::nullopt;
    }
    if (!is_record(text_)) {
      error_.message = "the record does not begin with v=spf1";
      return std::nullopt;
    }
    std::string_view rest = text_.substr(kVersion.size());
    for (;;) {
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      if (rest.empty()) return std::move(record_);
      const std::string_view term = rest.substr(0, rest.find(' '));
      rest.remove_prefix(term.size());
      if (const std::string_view fault = read_term(term); !fault.empty()) {
        error_.message = "the term \"" + printable(term, kShownBytesMax) + "\" " + std::string(fault);
        return std::nullopt;
      }
    }
  }

 private:
  // What is wrong with the term; empty when it is good.
  std::string_view read_term(std::string_view term) {
    const std::size_t name_end = std::min(term.find_first_of("=:/"), term.size());
    if (name_end < term.size() && term[name_end] == '=')
      return read_modifier(term.substr(0, name_end), term.substr(name_end + 1));
    return read_directive(term);
  }

  std::string_view read_modifier(std::string_view name, std::string_view value) {
    if (!is_modifier_name(name)) return "has a name that no modifier can have";
    const bool redirect = dns::same_name(name, "redirect");
    if (!redirect && !dns::same_name(name, "exp")) return is_macro_string(value, MacroPlace::modifier) ? "" : "has a bad macro";
    std::string_view& kept = redirect ? record_.redirect : record_.explanation;
    if (!kept.empty()) return "stands there twice";
    if (!is_macro_string(value, MacroPlace::domain_spec)) return "has no good domain";
    kept = value;
    return "";
  }

  std::string_view read_directive(std::string_view term) {
    Directive directive{.text = term};
    switch (term.front()) {
      case '-': directive.result = Result::fail; break;
      case '~': directive.result = Result::softfail; break;
      case '?': directive.result = Result::neutral; break;
      default: break;
    }
    const std::string_view unqualified = term.substr(std::string_view("+-~?").find(term.front()) != std::string_view::npos);
    const std::size_t name_end = std::min(unqualified.find_first_of(":/"), unqualified.size());
    const std::optional<Mechanism> mechanism = mechanism_named(unqualified.substr(0, name_end));
    if (!mechanism) return "is no mechanism";
    directive.mechanism = *mechanism;
    const std::string_view fault = read_arguments(directive, unqualified.substr(name_end));
    if (fault.empty()) keep(directive);
    return fault;
  }

  // `arguments` is empty, or begins with ":" or "/".
  static std::string_view read_arguments(Directive& directive, std::string_view arguments) {
    switch (directive.mechanism) {
      case Mechanism::all: return arguments.empty() ? "" : "has an argument, and all takes none";
      case Mechanism::ip4:
      case Mechanism::ip6: return read_network(directive, arguments);
      case Mechanism::a:
      case Mechanism::mx:
        if (!read_dual_cidr(directive, arguments)) return "has a bad prefix length";
        break;
      case Mechanism::ptr: break;
      case Mechanism::include:
      case Mechanism::exists:
        if (arguments.empty()) return "has no domain";
        break;
    }
    if (arguments.empty()) return "";
    if (arguments.front() != ':' || !is_macro_string(arguments.substr(1), MacroPlace::domain_spec)) return "has no good domain";
    directive.domain_spec = arguments.substr(1);
    return "";
  }

  // [ ip4-cidr-length ] [ "/" ip6-cidr-length ], taken off the end
  static bool read_dual_cidr(Directive& directive, std::string_view& arguments) {
    std::optional<std::string_view> digits = take_cidr(arguments);
    if (!digits) return true;
    if (arguments.ends_with('/')) {
      arguments.remove_suffix(1);
      const std::optional<std::uint8_t> bits = read_bits(*digits, 128);
      if (!bits) return false;
      directive.ip6_bits = *bits;
      digits = take_cidr(arguments);
      if (!digits) return true;
    }
    const std::optional<std::uint8_t> bits = read_bits(*digits, 32);
    if (!bits) return false;
    directive.ip4_bits = *bits;
    return true;
  }

  static std::string_view read_network(Directive& directive, std::string_view arguments) {
    const bool ip4 = directive.mechanism == Mechanism::ip4;
    if (!arguments.starts_with(':')) return "has no address";
    arguments.remove_prefix(1);
    const std::size_t slash = arguments.find('/');
    if (slash != std::string_view::npos) {
      const std::optional<std::uint8_t> bits = read_bits(arguments.substr(slash + 1), ip4 ? 32 : 128);
      if (!bits) return "has a bad prefix length";
      (ip4 ? directive.ip4_bits : directive.ip6_bits) = *bits;
      arguments = arguments.substr(0, slash);
    }
    if (!ip4 && arguments.find(':') == std::string_view::npos) return "has a bad address";
    const std::optional<IpAddress> address = ip4 ? read_ip4(arguments) : IpAddress::parse(arguments);
    if (!address) return "has a bad address";
    directive.address = ip4 || address->is_v6() ? *address : mapped(*address);
    return "";
  }

  void keep(const Directive& directive) {
    if (unreachable_) return;
    record_.directives.push_back(directive);
    asking_ += directive.asks_dns() ? 1 : 0;
    unreachable_ = directive.mechanism == Mechanism::all || asking_ > kTermsMax;
  }

  std::string_view text_;
  RecordError& error_;
  Record record_;
  std::size_t asking_ = 0;
  bool unreachable_ = false;  // what follows is never evaluated
};

}  // namespace

bool is_record(std::string_view text) noexcept {
  return dns::same_name(text.substr(0, kVersion.size()), kVersion) &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

std::optional<Record> read_record(std::string_view text, RecordError& error) { return Reader(text, error).read(); }

}  // namespace postern::spf
