#include "policy/dkim/signature_field.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/smtp/chars.h"
#include "policy/expand/text_base64.h"
#include "policy/message/tag_list.h"

namespace postern::dkim {

namespace {

using message::Tag;
using message::TagList;

// Whose field it is.
enum class Kind : std::uint8_t { dkim, arc };

// One field's reading: each step reads a tag, and says what is wrong with it.
class Reader {
 public:
  Reader(Kind kind, const TagList& tags, Signature& signature) noexcept : kind_(kind), tags_(tags), signature_(signature) {}

  // All steps are taken, so that what is right can be told of a signature that is wrong; the first fault counts.
  [[nodiscard]] Reason read() {
    Reason first = Reason::none;
    for (const auto step : {&Reader::version, &Reader::domain, &Reader::selector, &Reader::identity, &Reader::algorithm,
                            &Reader::canonicalization, &Reader::names, &Reader::hashes, &Reader::numbers, &Reader::query_method,
                            &Reader::copied}) {
      const Reason reason = (this->*step)();
      if (first == Reason::none) first = reason;
    }
    return first;
  }

 private:
  [[nodiscard]] std::string_view value(std::string_view name) const {
    const Tag* tag = tags_.find(name);
    return tag != nullptr ? tag->value.view() : std::string_view();
  }
  [[nodiscard]] bool has(std::string_view name) const { return tags_.find(name) != nullptr; }

  Reason version() {
    if (kind_ == Kind::arc) return Reason::none;
    if (!has("v")) return Reason::missing_tag;
    return value("v") == "1" ? Reason::none : Reason::version;
  }
  Reason signing_name(std::string_view tag, PeerText& into) {
    if (!has(tag)) return Reason::missing_tag;
    if (!message::is_signing_name(value(tag))) return Reason::syntax;
    into = PeerText(value(tag));
    return Reason::none;
  }
  Reason domain() { return signing_name("d", signature_.domain); }
  Reason selector() { return signing_name("s", signature_.selector); }

  Reason identity() {
    std::string text;
    if (kind_ == Kind::arc || !has("i")) {
      if (!signature_.domain.empty()) text = '@' + std::string(signature_.domain.view());
    } else if (!message::append_unquoted(text, value("i")) || text.find('@') == text.npos) {
      return Reason::syntax;
    }
    signature_.has_identity = kind_ != Kind::arc && has("i");
    signature_.identity = PeerText(std::move(text));
    const bool inside = message::is_same_or_below(signature_.identity_domain(), signature_.domain.view());
    return inside ? Reason::none : Reason::identity;
  }

  Reason algorithm() {
    if (!has("a")) return Reason::missing_tag;
    signature_.algorithm_text = PeerText(value("a"));
    const auto algorithm = message::read_algorithm(value("a"));
    if (!algorithm) return Reason::algorithm;
    signature_.algorithm = *algorithm;
    return Reason::none;
  }
  Reason canonicalization() {
    if (!has("c")) return Reason::none;
    const auto canon = message::read_canonicalization(value("c"));
    if (!canon) return Reason::syntax;
    signature_.canon = *canon;
    return Reason::none;
  }

  Reason names() {
    if (!has("h")) return Reason::missing_tag;
    auto names = message::read_field_names(value("h"));
    if (!names) return Reason::syntax;
    signature_.names = std::move(*names);
    const bool has_from = std::ranges::any_of(
        signature_.names, [](const PeerText& name) { return smtp::equal_ignoring_case(name.view(), "from"); });
    return has_from ? Reason::none : Reason::from_not_signed;
  }

  [[nodiscard]] bool base64(std::string_view tag, PeerText& into) const {
    std::string bytes;
    if (!expand::append_base64_decoded(bytes, value(tag)) || bytes.empty()) return false;
    into = PeerText(std::move(bytes));
    return true;
  }
  Reason hashes() {
    const Tag* const own = tags_.find("b");
    if (own == nullptr || !has("bh")) return Reason::missing_tag;
    signature_.cut_begin = own->value_begin;
    signature_.cut_end = own->value_end;
    return base64("bh", signature_.body_hash) && base64("b", signature_.signature) ? Reason::none : Reason::syntax;
  }

  // Section 3.5: at most 76 digits for l=, 12 for times.
  [[nodiscard]] bool number(std::string_view tag, std::size_t digits_max, std::optional<std::uint64_t>& into) const {
    if (!has(tag)) return true;
    if (value(tag).size() > digits_max) return false;
    into = message::read_number(value(tag));
    return into.has_value();
  }
  Reason numbers() {
    if (!number("l", 76, signature_.length) || !number("t", 12, signature_.created) || !number("x", 12, signature_.expires))
      return Reason::syntax;
    const bool ends_first = signature_.created && signature_.expires && *signature_.expires <= *signature_.created;
    return ends_first ? Reason::lifetime : Reason::none;
  }

  Reason query_method() {
    if (!has("q")) return Reason::none;
    std::string_view list = value("q");
    for (bool more = true; more;) {
      const std::string_view method = message::next_item(list, ':', more);
      // "dns" alone is what RFC 4870 said; signers still write it.
      if (smtp::equal_ignoring_case(method, "dns/txt") || smtp::equal_ignoring_case(method, "dns")) return Reason::none;
    }
    return Reason::query_method;
  }

  Reason copied() {
    std::string text;
    if (!message::append_unquoted(text, value("z"))) return Reason::syntax;
    signature_.copied = PeerText(std::move(text));
    return Reason::none;
  }

  Kind kind_;
  const TagList& tags_;
  Signature& signature_;
};

}  // namespace

std::string_view Signature::identity_domain() const noexcept {
  const std::size_t at = identity.view().rfind('@');
  return at == std::string_view::npos ? std::string_view() : identity.view().substr(at + 1);
}

Reason read_signature(PeerView value, Signature& signature) {
  const auto tags = TagList::read(value);
  return tags ? Reader(Kind::dkim, *tags, signature).read() : Reason::syntax;
}

Reason read_arc_message_signature(const TagList& tags, Signature& signature) {
  return Reader(Kind::arc, tags, signature).read();
}

}  // namespace postern::dkim
