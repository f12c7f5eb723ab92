#include "policy/arc/fields.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/ip_address.h"
#include "engine/smtp/chars.h"
#include "policy/auth_results/read.h"
#include "policy/expand/text_base64.h"
#include "policy/message/tag_list.h"

namespace postern::arc {

namespace {

using dkim::Reason;
using message::Tag;
using message::TagList;
using smtp::equal_ignoring_case;

constexpr std::string_view kRemoteIp = "smtp.remote-ip";

// position, section 4.2.1. 0: it is none.
unsigned read_instance(std::string_view text) {
  if (text.size() > 2) return 0;
  const auto number = message::read_number(text);
  return number && *number <= kInstanceMax ? static_cast<unsigned>(*number) : 0;
}
unsigned read_instance(const TagList& tags) {
  const Tag* const tag = tags.find("i");
  return tag != nullptr ? read_instance(tag->value.view()) : 0;
}

// The bytes of a comment that begins `text`, RFC 5322 section 3.2.2; all there are of one without an end.
std::size_t comment_bytes(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '(')
      ++depth;
    else if (text[at] == ')' && --depth == 0)
      return at + 1;
  }
  return text.size();
}

std::string_view skip_cfws(std::string_view text) {
  while (!text.empty()) {
    if (message::is_folding_space(text.front()))
      text.remove_prefix(1);
    else if (text.front() == '(')
      text.remove_prefix(comment_bytes(text));
    else
      break;
  }
  return text;
}

// Takes `c`, with blanks and comments around it, off the front of `text`.
bool take(std::string_view& text, char c) {
  text = skip_cfws(text);
  if (!text.starts_with(c)) return false;
  text = skip_cfws(text.substr(1));
  return true;
}

bool is_address(std::string_view text) { return IpAddress::parse(text).has_value(); }

// Exim puts the property between semicolons as if it were a result, behind the authserv-id. Comments and quoted strings are the
// peers' words, and are not looked into.
std::string_view bare_remote_ip(std::string_view payload) {
  bool at_begin = false;
  while (!payload.empty()) {
    if (payload.front() == '(') {
      payload.remove_prefix(comment_bytes(payload));
    } else if (payload.front() == '"') {
      std::size_t end = 1;
      while (end < payload.size() && payload[end] != '"') end += payload[end] == '\\' ? 2 : 1;
      payload.remove_prefix(std::min(end + 1, payload.size()));
      at_begin = false;
    } else if (at_begin && equal_ignoring_case(payload.substr(0, kRemoteIp.size()), kRemoteIp)) {
      std::string_view rest = payload.substr(kRemoteIp.size());
      if (take(rest, '=')) return rest.substr(0, rest.find_first_of("; \t\r\n("));
      at_begin = false;
      payload.remove_prefix(kRemoteIp.size());
    } else {
      if (!message::is_folding_space(payload.front())) at_begin = payload.front() == ';';
      payload.remove_prefix(1);
    }
  }
  return {};
}

PeerText find_remote_ip(std::string_view payload) {
  const auto field = auth_results::read_field(payload);
  if (!field) {
    const std::string_view address = bare_remote_ip(payload);
    return is_address(address) ? PeerText(address) : PeerText();
  }
  for (const auto& result : field->results)
    if (const auto address = result.find("smtp", "remote-ip"); address && is_address(address->view()))
      return PeerText(address->view());
  return {};
}

bool is_arc_field(const PeerText& name) {
  return std::ranges::any_of(std::array{kResultsField, kSignatureField, kSealField},
                             [&](std::string_view field) { return equal_ignoring_case(name.view(), field); });
}

// Faults that are the chain's, because the set has no such field then.
Fault fault_of(Reason reason) {
  switch (reason) {
    case Reason::syntax: return Fault::syntax;
    case Reason::missing_tag: return Fault::missing_tag;
    case Reason::from_not_signed: return Fault::not_from;
    default: return Fault::none;
  }
}

std::optional<ChainStatus> read_status(std::string_view text) {
  for (const ChainStatus status : {ChainStatus::none, ChainStatus::fail, ChainStatus::pass})
    if (equal_ignoring_case(text, to_string(status))) return status;
  return std::nullopt;
}

Fault read_seal_tags(const TagList& tags, Seal& seal) {
  if (tags.find("h") != nullptr) return Fault::sealed_h;
  const Tag* const status = tags.find("cv");
  const Tag* const algorithm = tags.find("a");
  const Tag* const domain = tags.find("d");
  const Tag* const selector = tags.find("s");
  const Tag* const own = tags.find("b");
  if (status == nullptr || algorithm == nullptr || domain == nullptr || selector == nullptr || own == nullptr)
    return Fault::missing_tag;
  if (const Tag* time = tags.find("t"); time != nullptr && !message::read_number(time->value.view())) return Fault::syntax;

  const auto read = read_status(status->value.view());
  std::string bytes;
  if (!read || !message::is_signing_name(domain->value.view()) || !message::is_signing_name(selector->value.view()) ||
      !expand::append_base64_decoded(bytes, own->value.view()) || bytes.empty())
    return Fault::syntax;
  seal.status = *read;
  seal.domain = PeerText(domain->value.view());
  seal.selector = PeerText(selector->value.view());
  seal.signature = PeerText(std::move(bytes));
  seal.cut_begin = own->value_begin;
  seal.cut_end = own->value_end;
  const auto known = message::read_algorithm(algorithm->value.view());
  seal.knows_algorithm = known.has_value();
  if (known) seal.algorithm = *known;
  return Fault::none;
}

}  // namespace

std::string_view to_string(Fault fault) noexcept {
  switch (fault) {
    case Fault::none: return "";
    case Fault::instance: return "instance missing or out of range";
    case Fault::syntax: return "tag invalid";
    case Fault::missing_tag: return "tag missing";
    case Fault::not_from: return "h= without From";
    case Fault::covers_arc: return "h= names a field of ARC";
    case Fault::sealed_h: return "h= in a seal";
  }
  return "";
}

std::string_view to_string(ChainStatus status) noexcept {
  switch (status) {
    case ChainStatus::none: return "none";
    case ChainStatus::fail: return "fail";
    case ChainStatus::pass: return "pass";
  }
  return "";
}

Fault read_authentication_results(PeerView value, AuthenticationResults& results) {
  std::string_view rest = value.view();
  if (rest.size() > auth_results::kFieldBytesMax) return Fault::syntax;
  if (!take(rest, 'i') || !take(rest, '=')) return Fault::instance;
  const std::size_t digits = smtp::run_length(smtp::CharClass::digit, rest);
  results.instance = read_instance(rest.substr(0, digits));
  rest.remove_prefix(digits);
  if (results.instance == 0) return Fault::instance;
  if (!take(rest, ';')) return Fault::syntax;
  if (auto id = auth_results::read_id(rest)) results.id = std::move(*id);
  results.remote_ip = find_remote_ip(rest);
  return Fault::none;
}

Fault read_message_signature(PeerView value, MessageSignature& signature) {
  const auto tags = TagList::read(value);
  if (!tags) return Fault::syntax;
  signature.instance = read_instance(*tags);
  if (signature.instance == 0) return Fault::instance;
  signature.reason = dkim::read_arc_message_signature(*tags, signature.signature);
  if (const Fault fault = fault_of(signature.reason); fault != Fault::none) return fault;
  return std::ranges::any_of(signature.signature.names, is_arc_field) ? Fault::covers_arc : Fault::none;
}

Fault read_seal(PeerView value, Seal& seal) {
  const auto tags = TagList::read(value);
  if (!tags) return Fault::syntax;
  seal.instance = read_instance(*tags);
  if (seal.instance == 0) return Fault::instance;
  return read_seal_tags(*tags, seal);
}

}  // namespace postern::arc
