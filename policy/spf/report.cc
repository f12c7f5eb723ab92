#include "policy/spf/report.h"

#include <algorithm>
#include <utility>

#include "engine/base/utf8.h"

namespace postern::spf {
namespace {

constexpr std::size_t kShortValueBytesMax = 100;  // where the whole field would be too long

bool is_alphanum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Exim writes addresses of mailboxes and IPv6 addresses bare, where RFC 7208 section 9.1 would have them quoted.
bool stands_bare(std::string_view value) noexcept {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return is_alphanum(c) || std::string_view(".@:!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
  });
}

// `character` is a well-formed UTF-8 sequence, or empty.
bool is_shown(std::string_view character) noexcept {
  if (character.size() == 1) return character.front() >= ' ' && character.front() <= '~';
  const bool control = character.starts_with('\xc2') && static_cast<unsigned char>(character.back()) < 0xa0;
  return !character.empty() && !control && character != "\u2028" && character != "\u2029";
}

std::string escaped(std::string_view text, std::string_view specials) {
  std::string out;
  for (const char c : text) {
    if (specials.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string value(std::string_view text, std::size_t bytes_max = kValueBytesMax) {
  const std::string shown = one_line(text, bytes_max);
  return stands_bare(shown) ? shown : "\"" + escaped(shown, "\"\\") + "\"";
}

std::string_view identity_name(Identity identity) noexcept { return identity == Identity::helo ? "helo" : "mailfrom"; }

// RFC 7208 section 2.4
std::string sender_checked(const Question& question) {
  if (!question.sender.empty()) return std::string(question.sender.view());
  return "postmaster@" + std::string(question.helo.view());
}

// Exim's words, which are libspf2's.
std::string sentence(const Question& question, const Outcome& outcome) {
  const std::string domain = "domain of " + std::string(outcome.domain.view());
  const std::string client = question.client.to_string();
  const std::string why = ": " + std::string(outcome.problem.view());
  switch (outcome.result) {
    case Result::none: return domain + " does not provide an SPF record";
    case Result::neutral: return client + " is neither permitted nor denied by " + domain;
    case Result::pass: return domain + " designates " + client + " as permitted sender";
    case Result::fail: return domain + " does not designate " + client + " as permitted sender";
    case Result::softfail: return "transitioning " + domain + " does not designate " + client + " as permitted sender";
    case Result::temperror: return "encountered temporary error during SPF processing of " + domain + why;
    case Result::permerror: break;
  }
  return "error in processing during lookup of " + domain + why;
}

// What Exim writes as well.
std::string beginning(const Question& question, const Outcome& outcome, std::string_view comment, std::size_t bytes_max) {
  return "Received-SPF: " + std::string(to_string(outcome.result)) + " (" + escaped(comment, "()\\") +
         ") client-ip=" + question.client.to_string() + "; envelope-from=" + value(sender_checked(question), bytes_max) +
         "; helo=" + value(question.helo.view(), bytes_max) + ";";
}

// The beginning of the text, without a character cut in half, and "..." behind it.
std::string cut(std::string text, std::size_t bytes_max) {
  constexpr std::string_view kMore = "...";
  const auto goes_on = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
  std::size_t end = std::min(text.size(), bytes_max - std::min(bytes_max, kMore.size()));
  while (end > 0 && end < text.size() && goes_on(text[end])) --end;
  text.resize(end);
  text += kMore;
  return text;
}

}  // namespace

std::string one_line(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (out.size() + taken > bytes_max) return cut(std::move(out), bytes_max);
    if (is_shown(text.substr(0, length)))
      out += text.substr(0, taken);
    else
      out += '?';
    text.remove_prefix(taken);
  }
  return out;
}

std::string header_comment(const Question& question, const Outcome& outcome) {
  return question.receiver + ": " + sentence(question, outcome);
}

std::string received_field(const Question& question, const Outcome& outcome) {
  std::string field = beginning(question, outcome, outcome.header_comment.view(), kValueBytesMax);
  if (field.size() > kFieldBytesMax) field = beginning(question, outcome, question.receiver, kShortValueBytesMax);
  const auto add = [&field](std::string_view key, std::string_view text) {
    const std::string pair = " " + std::string(key) + "=" + value(text) + ";";
    if (field.size() + pair.size() <= kFieldBytesMax) field += pair;
  };
  add("identity", identity_name(outcome.identity));
  add("receiver", question.receiver);
  const bool decided = outcome.result != Result::none && outcome.problem.empty();
  if (decided) add("mechanism", outcome.matched.empty() ? "default" : outcome.matched.view());
  if (!outcome.problem.empty()) add("problem", outcome.problem.view());
  return field;
}

PeerText authentication_result(const Outcome& outcome) {
  std::string text = "spf=" + std::string(to_string(outcome.result));
  if (outcome.guessed) text += " (best guess record for domain)";
  if (outcome.domain.empty())
    text += " smtp.mailfrom=<>";
  else
    text += (outcome.identity == Identity::helo ? " smtp.helo=" : " smtp.mailfrom=") + value(outcome.domain.view());
  return PeerText(std::move(text));
}

}  // namespace postern::spf
