#include "policy/acl/address_field.h"

#include <utility>

#include "engine/smtp/address.h"
#include "policy/lists/list_text.h"

namespace postern::acl {

namespace {

constexpr unsigned kCommentDepthMax = 50;

// One item at a time, up to a comma or the colon and semicolon of a group.
class Reader {
 public:
  explicit Reader(std::string_view value) : value_(value) {}

  AddressField read() {
    while (field_.why.empty() && at_ < value_.size()) read_item();
    if (field_.why.empty() && in_group_) fail("the semicolon at the end of a group is missing", item_);
    return std::move(field_);
  }

 private:
  void fail(std::string_view why, std::string_view where) {
    if (!field_.why.empty()) return;
    field_.why = why;
    field_.failing = lists::trim(where).substr(0, 256);
  }

  void read_item() {
    item_.clear();
    address_.clear();
    has_brackets_ = false;
    while (at_ < value_.size() && field_.why.empty()) {
      const char c = value_[at_];
      if (c == ',') {
        ++at_;
        return take_item();
      }
      if (c == ':' && !has_brackets_ && !in_group_) {
        ++at_;
        in_group_ = true;
        item_.clear();
        continue;
      }
      if (c == ';' && in_group_) {
        ++at_;
        take_item();
        in_group_ = false;
        item_.clear();
        return;
      }
      read_piece(c);
    }
    take_item();
  }

  void read_piece(char c) {
    if (c == '(') return skip_comment();
    if (c == '"') return copy_quoted();
    if (c == '<') return read_brackets();
    if (c == '[') return copy_literal();
    item_ += c == '\r' || c == '\n' || c == '\t' ? ' ' : c;
    ++at_;
  }

  void skip_comment() {
    unsigned depth = 0;
    const std::size_t begin = at_;
    do {
      const char c = value_[at_++];
      if (c == '\\' && at_ < value_.size()) ++at_;
      if (c == '(' && ++depth > kCommentDepthMax) return fail("comments are nested too deeply", value_.substr(begin));
      if (c == ')') --depth;
    } while (depth > 0 && at_ < value_.size());
    if (depth > 0) fail("the parenthesis at the end of a comment is missing", value_.substr(begin));
    item_ += ' ';
  }

  void copy_quoted() {
    const std::size_t begin = at_++;
    while (at_ < value_.size() && value_[at_] != '"') at_ += value_[at_] == '\\' ? 2 : 1;
    if (at_ >= value_.size()) {
      at_ = value_.size();
      return fail("unmatched doublequote", value_.substr(begin));
    }
    ++at_;
    item_ += value_.substr(begin, at_ - begin);
  }

  void copy_literal() {
    const std::size_t end = value_.find(']', at_);
    if (end == std::string_view::npos) return fail("the bracket at the end of a domain literal is missing", value_.substr(at_));
    item_ += value_.substr(at_, end + 1 - at_);
    at_ = end + 1;
  }

  void read_brackets() {
    const std::size_t begin = at_++;
    bool quoted = false;
    while (at_ < value_.size() && (quoted || value_[at_] != '>')) {
      if (value_[at_] == '"') quoted = !quoted;
      at_ += value_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= value_.size()) {
      at_ = value_.size();
      return fail("'>' missing at end of address", value_.substr(begin));
    }
    ++at_;
    if (has_brackets_) return fail("malformed address: more than one pair of angle brackets", value_.substr(begin));
    has_brackets_ = true;
    address_ = value_.substr(begin, at_ - begin);
  }

  void take_item() {
    if (!field_.why.empty()) return;
    std::string_view text = has_brackets_ ? std::string_view(address_) : lists::trim(item_);
    if (text.empty()) return;  // obsolete, and harmless: "a, , b"
    if (text == "<>") return add({});
    const smtp::AddressRules rules{.role = smtp::AddressRole::other, .smtputf8 = true, .allow_literals = true};
    const smtp::PathStep path = smtp::parse_address(text, rules);
    if (path.error == smtp::AddressError::unqualified) return fail("unqualified address not permitted", text);
    if (path.error != smtp::AddressError::none) {
      std::string why;
      smtp::append_reason(why, path, smtp::AddressRole::other);
      return fail(why, text);
    }
    add(smtp::Address(path.mailbox).text());
  }

  void add(std::string_view address) {
    if (field_.addresses.size() >= kFieldAddressesMax) return fail("too many addresses", address);
    field_.addresses.emplace_back(address);
  }

  std::string_view value_;
  std::size_t at_ = 0;
  bool in_group_ = false;
  bool has_brackets_ = false;
  std::string item_;     // without comments
  std::string address_;  // <...>
  AddressField field_;
};

}  // namespace

AddressField read_address_field(std::string_view value) { return Reader(value).read(); }

}  // namespace postern::acl
