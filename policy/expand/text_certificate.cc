#include "policy/expand/text_certificate.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/peer_text.h"
#include "policy/expand/text_operand.h"

namespace postern::expand {

namespace {

using crypto::Certificate;
using crypto::CertificateName;
using crypto::NameAttribute;

// What stands behind a field's name.
struct Modifiers {
  explicit Modifiers(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(','), text.size());
      const std::string_view word = trim_white(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (word.starts_with('>')) {
        separator = word.size() > 1 ? word[1] : '\n';
      } else {
        label = word;
      }
    }
  }
  std::optional<char> separator;  // nothing: it was not said
  std::string_view label;         // the last other one
};

void append_item(std::string& out, std::string_view item, char separator) {
  if (!out.empty()) out.push_back(separator);
  for (const char c : item) {
    if (c == separator) out.push_back(c);
    out.push_back(c);
  }
}

// RFC 4514 section 2.4. In a list of attributes a comma is nothing special.
std::string escaped(std::string_view value, bool in_list = false) {
  std::string text;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (c == '\0') {
      text.append("\\00");
      continue;
    }
    const bool is_first = at == 0 && (c == ' ' || c == '#');
    const bool is_last = at + 1 == value.size() && c == ' ';
    const bool is_special = std::string_view("\"+;<>\\").contains(c) || (c == ',' && !in_list);
    if (is_first || is_last || is_special) text.push_back('\\');
    text.push_back(c);
  }
  return text;
}

void append_name(std::string& out, const std::vector<NameAttribute>& name, const Modifiers& modifiers) {
  for (const NameAttribute& each : name) {
    if (!modifiers.label.empty()) {
      if (each.label == modifiers.label) append_item(out, escaped(each.value, true), modifiers.separator.value_or('\n'));
    } else if (modifiers.separator) {
      append_item(out, each.label + "=" + escaped(each.value, true), *modifiers.separator);
    } else {
      out.append(out.empty() ? "" : ",").append(each.label).append("=").append(escaped(each.value));
    }
  }
}

void append_time(std::string& out, std::int64_t seconds, const Modifiers& modifiers) {
  if (modifiers.label == "int") {
    out.append(std::to_string(seconds));
    return;
  }
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return;
  std::array<char, 64> text{};
  out.append(text.data(), std::strftime(text.data(), text.size(), "%b %e %T %Y UTC", &parts));
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!out.empty()) out.push_back(' ');
    out.append({kDigits[byte >> 4], kDigits[byte & 15]});
  }
}

void append_alternative_names(std::string& out, const Certificate& certificate, const Modifiers& modifiers) {
  struct Kind {
    CertificateName::Kind kind;
    std::string_view word;
    std::string_view tag;
  };
  using enum CertificateName::Kind;
  static constexpr std::array kKinds = {Kind{dns, "dns", "DNS="}, Kind{mail, "mail", "MAIL="}, Kind{uri, "uri", "URI="}};
  const auto* const wanted = std::ranges::find(kKinds, modifiers.label, &Kind::word);
  const char separator = modifiers.separator.value_or('\n');
  for (const CertificateName& name : certificate.alternative_names) {
    const auto* const kind = std::ranges::find(kKinds, name.kind, &Kind::kind);
    if (wanted == kKinds.end()) append_item(out, std::string(kind->tag) + name.text, separator);
    if (wanted == kind) append_item(out, name.text, separator);
  }
}

void append_list(std::string& out, const std::vector<std::string>& items, const Modifiers& modifiers) {
  for (const std::string& item : items) append_item(out, item, modifiers.separator.value_or('\n'));
}

using Append = void (*)(std::string& out, const Certificate& certificate, const Modifiers& modifiers);
struct Field {
  std::string_view name;
  Append append;
};
using C = const Certificate&;
using M = const Modifiers&;

constexpr auto kFields = std::to_array<Field>({
    {"version", [](std::string& out, C c, M) { out.append(std::to_string(c.version)); }},
    {"serial_number", [](std::string& out, C c, M) { out.append(c.serial_number); }},
    {"subject", [](std::string& out, C c, M m) { append_name(out, c.subject, m); }},
    {"issuer", [](std::string& out, C c, M m) { append_name(out, c.issuer, m); }},
    {"notbefore", [](std::string& out, C c, M m) { append_time(out, c.not_before, m); }},
    {"notafter", [](std::string& out, C c, M m) { append_time(out, c.not_after, m); }},
    {"sig_algorithm", [](std::string& out, C c, M) { out.append(c.signature_algorithm); }},
    {"signature", [](std::string& out, C c, M) { append_hex(out, c.signature); }},
    {"subj_altname", append_alternative_names},
    {"ocsp_uri", [](std::string& out, C c, M m) { append_list(out, c.ocsp_uris, m); }},
    {"crl_uri", [](std::string& out, C c, M m) { append_list(out, c.crl_uris, m); }},
});

}  // namespace

ItemOutcome certificate_field(std::string_view selector, const Certificate& certificate, std::string& result,
                              std::string& why) {
  result.clear();
  const std::size_t end = std::min(selector.find(','), selector.size());
  const std::string_view name = trim_white(selector.substr(0, end));
  const auto* const field = std::ranges::find(kFields, name, &Field::name);
  if (field == kFields.end()) {
    why = "bad field selector \"" + printable(name, 64) + "\" for certextract";
    return ItemOutcome::failed;
  }
  field->append(result, certificate, Modifiers(selector.substr(std::min(end + 1, selector.size()))));
  return result.empty() ? ItemOutcome::not_found : ItemOutcome::found;
}

}  // namespace postern::expand
