#include "policy/auth_results/write.h"

#include <algorithm>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::auth_results {

namespace {

constexpr std::string_view kElement = ";\n\t";
// Exim folds behind the reasons of DKIM.
constexpr std::string_view kFoldBehindReason = "\n\t\t";

// Calls `use(piece)` for each character that may stand in a field, and for "?" in place of each that may not.
template <class Use>
void each_character(std::string_view text, Use&& use) {
  text = text.substr(0, kTextBytesMax);
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    // U+0080 to U+009F are control characters as well.
    const bool is_control = length == 0 || smtp::is(smtp::CharClass::control, text.front()) ||
                            (length == 2 && text[0] == '\xc2' && text[1] < '\xa0');
    use(is_control ? std::string_view("?") : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

// RFC 2045 section 5.1, with the UTF-8 of RFC 8601 section 2.2 (RFC 6532).
bool is_token_char(char c) noexcept {
  constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";
  return c != ' ' && !smtp::is(smtp::CharClass::control, c) && kSpecials.find(c) == kSpecials.npos;
}

bool is_token(std::string_view text) noexcept { return !text.empty() && std::ranges::all_of(text, is_token_char); }

bool is_dot_atom(std::string_view text) noexcept {
  return std::ranges::all_of(text,
                             [](char c) { return smtp::is(smtp::CharClass::atext | smtp::CharClass::high, c) || c == '.'; });
}

// [[local-part] "@"] domain-name.
bool is_address(std::string_view text) noexcept {
  const std::size_t at = text.rfind('@');
  return at != text.npos && at + 1 < text.size() && is_dot_atom(text.substr(0, at)) && is_token(text.substr(at + 1));
}

void append_property(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(" ").append(name).append("=");
  append_value(out, value);
}

void append_local(std::string& out, const Local& local) {
  out.append(kElement).append("local=pass ");
  append_comment(out, "non-smtp, " + local.host);
  append_property(out, "policy.user", local.user.view());
}

void append_iprev(std::string& out, const Iprev& iprev, const Checks& checks) {
  out.append(kElement).append("iprev=").append(to_string(iprev.result));
  if (iprev.result == Result::pass) {
    out += ' ';
    append_comment(out, iprev.host.view());
  }
  append_property(out, "smtp.remote-ip", checks.client_address);
}

void append_auth(std::string& out, const Auth& auth) {
  out.append(kElement).append("auth=pass ");
  append_comment(out, auth.id.empty() && !auth.by_certificate ? auth.mechanism + ", no id saved" : auth.mechanism);
  append_property(out, auth.by_certificate ? "x509.auth" : "smtp.auth", auth.id.view());
  append_property(out, "smtp.mailfrom", auth.sender.view());
}

void append_spf(std::string& out, const Spf& spf) {
  out.append(kElement).append("spf=").append(to_string(spf.result));
  if (spf.guessed) out += " (best guess record for domain)";
  if (!spf.sender_domain.empty())
    append_property(out, "smtp.mailfrom", spf.sender_domain.view());
  else if (!spf.helo.empty())
    append_property(out, "smtp.helo", spf.helo.view());
  else
    append_property(out, "smtp.mailfrom", "<>");
}

void append_dkim(std::string& out, const Dkim& dkim) {
  out.append(kElement).append("dkim=").append(to_string(dkim.result));
  if (!dkim.reason.empty()) {
    out += ' ';
    append_comment(out, dkim.reason);
    out += kFoldBehindReason;
  }
  append_property(out, "header.d", dkim.domain.view());
  append_property(out, "header.i", dkim.identity.view());
  append_property(out, "header.s", dkim.selector.view());
  append_property(out, "header.a", dkim.algorithm);
}

void append_dmarc(std::string& out, const Dmarc& dmarc) {
  out.append(kElement).append("dmarc=").append(to_string(dmarc.result));
  if (!dmarc.comment.empty()) {
    out += ' ';
    append_comment(out, dmarc.comment);
  }
  append_property(out, "header.from", dmarc.from.view());
}

void append_arc(std::string& out, const Arc& arc, const Checks& checks) {
  out.append(kElement).append("arc=").append(to_string(arc.result));
  if (arc.instance > 0 || !arc.reason.empty()) out += ' ';
  if (arc.instance > 0) append_comment(out, "i=" + std::to_string(arc.instance));
  if (!arc.reason.empty()) append_comment(out, arc.reason);
  if (arc.instance == 0) return;
  append_property(out, "header.s", arc.selector.view());
  append_property(out, "arc.oldest-pass", std::to_string(arc.oldest_pass));
  append_property(out, "smtp.remote-ip", checks.client_address);
}

}  // namespace

void append_value(std::string& out, std::string_view text) {
  std::string value;
  each_character(text, [&](std::string_view piece) { value += piece; });
  if (is_token(value) || is_address(value)) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_comment(std::string& out, std::string_view text) {
  out += '(';
  each_character(text, [&](std::string_view piece) {
    if (piece == "(" || piece == ")" || piece == "\\") out += '\\';
    out += piece;
  });
  out += ')';
}

std::string write(std::string_view authserv_id, const Checks& checks) {
  std::string out = "Authentication-Results: ";
  append_value(out, authserv_id);
  const std::size_t before = out.size();
  if (checks.local) append_local(out, *checks.local);
  if (checks.iprev && checks.iprev->result != Result::none) append_iprev(out, *checks.iprev, checks);
  if (checks.auth) append_auth(out, *checks.auth);
  if (checks.spf) append_spf(out, *checks.spf);
  for (const Dkim& dkim : checks.dkim) append_dkim(out, dkim);
  if (checks.dmarc) append_dmarc(out, *checks.dmarc);
  if (checks.arc) append_arc(out, *checks.arc, checks);
  if (out.size() == before) out += "; none";
  return out;
}

}  // namespace postern::auth_results
