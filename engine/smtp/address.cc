#include "engine/smtp/address.h"

#include <algorithm>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::smtp {
namespace {

constexpr std::size_t kLabelBytesMax = 63;  // RFC 1035 section 2.3.4
constexpr std::string_view kIpv6Tag = "IPv6:";
constexpr std::string_view kIpv4Tag = "IPv4:";

// A place in the text and what was wrong there. Each read function takes what its name says, or sets the error and stays.
class PathReader {
 public:
  PathReader(std::string_view text, const AddressRules& rules) noexcept : text_(text), rules_(rules) {}

  PathStep read() noexcept;
  // The whole text is a domain.
  bool read_only_domain() noexcept { return read_labels() && at_end(); }

 private:
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] bool sees(char c) const noexcept { return !at_end() && text_[at_] == c; }
  [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(at_); }
  [[nodiscard]] std::string_view from(std::size_t start) const noexcept { return text_.substr(start, at_ - start); }
  bool take(char c) noexcept {
    if (!sees(c)) return false;
    ++at_;
    return true;
  }
  bool fail(AddressError error) noexcept {
    error_ = error;
    return false;
  }

  bool read_path() noexcept;
  bool read_route() noexcept;
  bool read_mailbox() noexcept;
  bool read_local_part() noexcept;
  bool read_quoted_string() noexcept;
  bool read_dot_string() noexcept;
  bool read_domain() noexcept;
  bool read_labels() noexcept;
  bool read_label() noexcept;
  bool read_literal() noexcept;
  bool take_utf8() noexcept;
  bool accept_without_domain() noexcept;
  bool check_lengths() noexcept;
  [[nodiscard]] bool ends_mailbox() const noexcept;

  std::string_view text_;
  const AddressRules& rules_;
  std::size_t at_ = 0;
  Mailbox mailbox_;
  AddressError error_ = AddressError::none;
  bool is_bracketed_ = false;
  bool has_route_ = false;
};

PathStep PathReader::read() noexcept {
  if (text_.empty()) {
    fail(AddressError::empty_address);
  } else if (read_path() && !at_end() && !is(CharClass::blank, text_[at_])) {
    fail(AddressError::trailing_text);
  }
  return {error_, error_ == AddressError::none ? mailbox_ : Mailbox{}, rest(), text_.substr(0, at_)};
}

// Reverse-path = Path / "<>"; Forward-path = Path; Path = "<" [ A-d-l ":" ] Mailbox ">"
bool PathReader::read_path() noexcept {
  is_bracketed_ = take('<');
  if (!is_bracketed_ && !rules_.allow_missing_brackets) return fail(AddressError::opening_bracket_missing);
  if (is_bracketed_ && rules_.role == AddressRole::sender && take('>')) return true;
  if (is_bracketed_ && sees('@') && !read_route()) return false;
  if (!read_mailbox() || !check_lengths()) return false;
  if (!is_bracketed_ || take('>')) return true;
  return fail(at_end() ? AddressError::closing_bracket_missing : AddressError::trailing_text);
}

// A-d-l = At-domain *( "," At-domain ), read and dropped.
bool PathReader::read_route() noexcept {
  std::size_t hops = 0;
  do {
    if (!take('@')) return fail(AddressError::route_malformed);
    if (!read_domain()) return false;
    ++hops;
  } while (take(','));
  if (!take(':')) return fail(hops > 1 ? AddressError::route_malformed : AddressError::route_without_address);
  mailbox_ = {};
  has_route_ = true;
  return true;
}

// Mailbox = Local-part "@" ( Domain / address-literal )
bool PathReader::read_mailbox() noexcept {
  if (!read_local_part()) return false;
  if (take('@')) return read_domain();
  return ends_mailbox() ? accept_without_domain() : fail(AddressError::at_expected);
}

bool PathReader::ends_mailbox() const noexcept {
  return at_end() || (is_bracketed_ ? text_[at_] == '>' : is(CharClass::blank, text_[at_]));
}

bool PathReader::accept_without_domain() noexcept {
  if (has_route_) return fail(AddressError::route_without_domain);
  // An address whose end is missing is reported as that.
  if (is_bracketed_ && at_end()) return true;
  const bool is_postmaster = equal_ignoring_case(mailbox_.local_part, "postmaster");
  if (rules_.allow_unqualified || (is_postmaster && rules_.role == AddressRole::recipient)) return true;
  return fail(AddressError::unqualified);
}

bool PathReader::read_local_part() noexcept {
  const std::size_t start = at_;
  mailbox_.is_quoted = sees('"');
  if (mailbox_.is_quoted ? !read_quoted_string() : !read_dot_string()) return false;
  mailbox_.local_part = from(start);
  return true;
}

// Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE; quoted-pairSMTP = %d92 %d32-126
bool PathReader::read_quoted_string() noexcept {
  ++at_;
  for (;;) {
    at_ += run_length(CharClass::qtext, rest());
    if (take('"')) return true;
    if (at_end()) return fail(AddressError::unmatched_quote);
    if (text_[at_] == '\\') {
      ++at_;
      if (at_end()) return fail(AddressError::unmatched_quote);
      if (is(CharClass::control | CharClass::high, text_[at_])) return fail(AddressError::local_part_malformed);
      ++at_;
    } else if (!take_utf8()) {
      return false;
    }
  }
}

// Dot-string = Atom *( "." Atom ); Atom = 1*atext
bool PathReader::read_dot_string() noexcept {
  const std::size_t start = at_;
  bool atom_is_empty = true;
  for (;;) {
    const std::size_t atext = run_length(CharClass::atext, rest());
    at_ += atext;
    if (atext > 0) atom_is_empty = false;
    if (sees('.')) {
      if (atom_is_empty && !rules_.allow_empty_atoms) return fail(AddressError::local_part_malformed);
      ++at_;
      atom_is_empty = true;
    } else if (!at_end() && is(CharClass::high, text_[at_])) {
      if (!take_utf8()) return false;
      atom_is_empty = false;
    } else {
      break;
    }
  }
  const bool is_empty = at_ == start;
  return is_empty || (atom_is_empty && !rules_.allow_empty_atoms) ? fail(AddressError::local_part_malformed) : true;
}

// UTF8-non-ascii, RFC 6531 section 3.3. The C1 controls (U+0080 to U+009F) are controls still.
bool PathReader::take_utf8() noexcept {
  if (!is(CharClass::high, text_[at_])) return fail(AddressError::local_part_malformed);
  if (!rules_.smtputf8) return fail(AddressError::non_ascii);
  const std::size_t length = utf8_sequence_length(rest());
  const bool is_c1 = length == 2 && text_[at_] == '\xc2' && static_cast<unsigned char>(text_[at_ + 1]) < 0xa0;
  if (length == 0 || is_c1) return fail(AddressError::invalid_utf8);
  at_ += length;
  mailbox_.has_8bit = true;
  return true;
}

bool PathReader::read_domain() noexcept {
  const std::size_t start = at_;
  mailbox_.is_literal = sees('[');
  if (mailbox_.is_literal ? !read_literal() : !read_labels()) return false;
  const bool has_trailing_dot = from(start).ends_with('.');
  mailbox_.domain = text_.substr(start, at_ - start - (has_trailing_dot ? 1 : 0));
  return true;
}

// Domain = sub-domain *( "." sub-domain )
bool PathReader::read_labels() noexcept {
  for (;;) {
    if (!read_label()) return false;
    if (!take('.')) return true;
    const bool label_follows = !at_end() && is(CharClass::ldh | CharClass::high, text_[at_]);
    if (!label_follows && !sees('.') && rules_.strip_trailing_dot) return true;
  }
}

// sub-domain = Let-dig [ Ldh-str ], or a U-label
bool PathReader::read_label() noexcept {
  const std::size_t start = at_;
  for (;;) {
    at_ += run_length(CharClass::ldh, rest());
    if (at_end() || !is(CharClass::high, text_[at_])) break;
    if (!take_utf8()) return false;
  }
  const std::string_view label = from(start);
  const bool is_good = !label.empty() && label.size() <= kLabelBytesMax && !label.starts_with('-') && !label.ends_with('-');
  return is_good ? true : fail(AddressError::domain_malformed);
}

// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"
bool PathReader::read_literal() noexcept {
  const std::size_t start = at_;
  const std::size_t close = text_.find(']', at_);
  if (close == text_.npos) return fail(AddressError::literal_malformed);
  if (!literal_address(text_.substr(start, close + 1 - start))) return fail(AddressError::literal_malformed);
  if (!rules_.allow_literals) return fail(AddressError::literal_not_allowed);
  at_ = close + 1;
  return true;
}

bool PathReader::check_lengths() noexcept {
  const AddressLimits& limits = rules_.limits;
  if (mailbox_.local_part.size() > limits.local_part_bytes_max) return fail(AddressError::local_part_too_long);
  if (mailbox_.domain.size() > limits.domain_bytes_max) return fail(AddressError::domain_too_long);
  const std::size_t path_bytes = mailbox_.local_part.size() + mailbox_.domain.size() + std::string_view("<@>").size();
  return path_bytes > limits.path_bytes_max ? fail(AddressError::path_too_long) : true;
}

std::string_view fixed_reason(AddressError error) noexcept {
  switch (error) {
    case AddressError::empty_address: return "empty address";
    case AddressError::local_part_malformed: return "missing or malformed local part";
    case AddressError::unmatched_quote: return "unmatched doublequote in local part";
    case AddressError::domain_malformed: return "domain missing or malformed";
    case AddressError::literal_malformed: return "malformed domain literal";
    case AddressError::literal_not_allowed: return "domain literals not allowed";
    case AddressError::opening_bracket_missing: return "'<' missing at start of address";
    case AddressError::closing_bracket_missing: return "'>' missing at end of address";
    case AddressError::route_malformed: return "colon expected after route list";
    case AddressError::route_without_address: return "no local part";
    case AddressError::route_without_domain: return "domain missing in source-routed address";
    case AddressError::invalid_utf8: return "invalid UTF-8 byte sequence";
    case AddressError::non_ascii: return "non-ASCII address without SMTPUTF8";
    case AddressError::local_part_too_long: return "local part too long";
    case AddressError::domain_too_long: return "domain too long";
    case AddressError::path_too_long: return "address is ridiculously long";
    case AddressError::none:
    case AddressError::at_expected:
    case AddressError::trailing_text:
    case AddressError::unqualified: break;
  }
  return {};
}

void append_unqualified_reason(std::string& out, AddressRole role) {
  if (role == AddressRole::sender) out += "sender ";
  if (role == AddressRole::recipient) out += "recipient ";
  out += "address must contain a domain";
}

// Quoted-string that means `meaning`.
void append_quoted(std::string& out, std::string_view meaning) {
  out.push_back('"');
  for (const char c : meaning) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

bool is_dot_string(std::string_view text) noexcept {
  if (text.empty() || text.starts_with('.') || text.ends_with('.') || text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || is(CharClass::atext | CharClass::high, c); });
}

}  // namespace

PathStep parse_path(std::string_view text, const AddressRules& rules) noexcept { return PathReader(text, rules).read(); }

PathStep parse_address(std::string_view text, AddressRules rules) noexcept {
  rules.allow_missing_brackets = true;
  PathStep step = parse_path(text, rules);
  if (step.error == AddressError::none && !step.rest.empty()) step.error = AddressError::trailing_text;
  return step;
}

void append_reason(std::string& out, const PathStep& step, AddressRole role) {
  constexpr std::size_t kQuotedBytesMax = 32;
  switch (step.error) {
    case AddressError::at_expected:
      out += "\"@\" or \".\" expected after \"";
      out += step.before.substr(step.before.starts_with('<') ? 1 : 0);
      out += '"';
      return;
    case AddressError::trailing_text:
      out += "malformed address: ";
      out += trim_blanks(step.rest).substr(0, kQuotedBytesMax);
      out += " may not follow ";
      out += step.before;
      return;
    case AddressError::unqualified: return append_unqualified_reason(out, role);
    default: out += fixed_reason(step.error);
  }
}

void Address::assign(const Mailbox& mailbox) {
  bytes_.assign(mailbox.local_part);
  has_domain_ = !mailbox.domain.empty();
  if (has_domain_) {
    bytes_.push_back('@');
    bytes_.append(mailbox.domain);
  }
  if (mailbox.is_quoted) append_unquoted(bytes_, mailbox.local_part);
  local_part_bytes_ = static_cast<std::uint32_t>(mailbox.local_part.size());
  domain_bytes_ = static_cast<std::uint32_t>(mailbox.domain.size());
  is_quoted_ = mailbox.is_quoted;
  is_literal_ = mailbox.is_literal;
  has_8bit_ = mailbox.has_8bit;
}

std::string_view Address::text() const noexcept { return view(0, local_part_bytes_ + domain_bytes_ + (has_domain_ ? 1 : 0)); }

std::string_view Address::local_part() const noexcept {
  return is_quoted_ ? view(text().size(), bytes_.size()) : local_part_as_sent();
}

std::string_view Address::domain() const noexcept { return has_domain_ ? view(local_part_bytes_ + 1, domain_bytes_) : ""; }

bool operator==(const Address& a, const Address& b) noexcept {
  return a.is_null() == b.is_null() && a.local_part() == b.local_part() && domain_equal(a.domain(), b.domain());
}

void append_path(std::string& out, const Address& address) {
  out.push_back('<');
  out += address.text();
  out.push_back('>');
}

void append_canonical(std::string& out, const Address& address) {
  if (address.is_null()) return;
  if (is_dot_string(address.local_part())) {
    out += address.local_part();
  } else {
    append_quoted(out, address.local_part());
  }
  if (address.domain().empty()) return;
  out.push_back('@');
  append_lower(out, address.domain());
}

bool append_local_part(std::string& out, std::string_view meaning) {
  const bool has_control = std::any_of(meaning.begin(), meaning.end(), [](char c) { return is(CharClass::control, c); });
  if (has_control || !is_utf8(meaning)) return false;
  if (is_dot_string(meaning)) {
    out += meaning;
  } else {
    append_quoted(out, meaning);
  }
  return true;
}

void append_unquoted(std::string& out, std::string_view local_part) {
  if (local_part.size() < 2 || !local_part.starts_with('"') || !local_part.ends_with('"')) {
    out += local_part;
    return;
  }
  local_part = local_part.substr(1, local_part.size() - 2);
  for (std::size_t i = 0; i < local_part.size(); ++i) {
    if (local_part[i] == '\\' && i + 1 < local_part.size()) ++i;
    out.push_back(local_part[i]);
  }
}

bool domain_equal(std::string_view a, std::string_view b) noexcept { return equal_ignoring_case(a, b); }

std::optional<IpAddress> literal_address(std::string_view domain) noexcept {
  if (domain.size() < 2 || !domain.starts_with('[') || !domain.ends_with(']')) return std::nullopt;
  std::string_view inner = domain.substr(1, domain.size() - 2);
  const bool is_v6 = starts_with_ignoring_case(inner, kIpv6Tag);
  if (is_v6) inner.remove_prefix(kIpv6Tag.size());
  if (is_v6 != (inner.find(':') != inner.npos)) return std::nullopt;
  return IpAddress::parse(inner);
}

bool is_domain(std::string_view text, bool allow_utf8) noexcept {
  const AddressRules rules{.smtputf8 = allow_utf8};
  return text.size() <= rules.limits.domain_bytes_max && PathReader(text, rules).read_only_domain();
}

bool is_helo_argument(std::string_view text, std::string_view more_chars) noexcept {
  if (text.empty()) return false;
  if (text.starts_with('[') && text.ends_with(']')) {
    std::string_view inner = text.substr(1, text.size() - 2);
    if (starts_with_ignoring_case(inner, kIpv6Tag) || starts_with_ignoring_case(inner, kIpv4Tag)) inner.remove_prefix(5);
    return IpAddress::parse(inner).has_value();
  }
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is(CharClass::ldh, c) || c == '.' || more_chars.find(c) != more_chars.npos; });
}

}  // namespace postern::smtp
