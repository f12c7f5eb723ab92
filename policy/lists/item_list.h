// A list of any kind, compiled: its items in order. Those that are plain text or addresses and stand side by side with one sign
// form a run, within which the order makes no difference to the answer, so that one search answers for all of them. Immutable
// once made; shared by all shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/program.h"
#include "policy/expand/regex.h"
#include "policy/lists/ip_set.h"
#include "policy/lists/list_text.h"
#include "policy/lists/match.h"
#include "policy/lists/text_matcher.h"

namespace postern::lists {

enum class ListKind : std::uint8_t { domain, host, address, local_part };

class ItemList;

inline constexpr std::size_t kNamedDepthMax = 32;  // named lists within named lists

// Domains, local parts; in host lists names of the client.
struct TextRun {
  TextMatcher text;
  Case letters = Case::ignored;
};

struct AddressRun {
  bool empty_sender = false;
  TextMatcher whole;    // local_part@domain where letters of either case are alike in both
  TextMatcher alone;    // a domain, for any local part
  TextMatcher starred;  // the same, written *@domain
};

struct HostRun {
  IpSet addresses;
  bool everyone = false;
  bool nobody = false;  // an empty item: a message that came from no host
};

// @[]: a host of one of these addresses; of domains a literal of one.
struct OwnAddresses {
  std::shared_ptr<const IpSet> addresses;
};

struct RegexItem {
  std::shared_ptr<const expand::Regex> regex;
  std::string text;
  Case letters = Case::ignored;
};

struct NamedItem {
  std::shared_ptr<const ItemList> list;
};

// A lookup with a constant file or query. Its key is the subject.
struct LookupItem {
  expand::LookupHandle handle = 0;
  bool query_style = false;
  std::string file = {};   // single-key
  std::string query = {};  // query style
  expand::Bytes bytes = expand::Bytes::ours;
  Case letters = Case::ignored;
  // Of host lists: the key is the address, cut to so many bits (0: all of it, without a mask), and not a name.
  std::optional<unsigned> net_bits = {};
  bool keeps_colons = false;  // in an IPv6 address that is the key
  std::string shown = {};     // the data instead of what is found, when not empty: the line of a file that holds this item
};

// A query with variables: the program yields "+" and what was found, or nothing.
struct QueryItem {
  expand::Program program;
  Case letters = Case::ignored;
};

// local_part@... where the domain is more than plain text, or case counts.
struct PairItem {
  TextMatcher local_part;  // one pattern
  std::shared_ptr<const ItemList> domain;
  std::string shown;  // before the domain's data
};

// @@lookup: it finds the local parts of a domain.
struct SplitItem {
  LookupItem lookup;
  Case letters = Case::ignored;
};

// @mx_any and its kin.
struct MxItem {
  enum class Which : std::uint8_t { any, primary, secondary };
  Which which = Which::any;
  IpSet ignored;  // addresses that do not count
  std::shared_ptr<const IpSet> local;
  std::string text;
};

// A host by its name, which is looked up.
struct HostItem {
  std::string name;
};

// +include_unknown, +ignore_unknown, +include_defer, +ignore_defer: for the items behind it.
struct ModeItem {
  enum class Mode : std::uint8_t { include_unknown, ignore_unknown, include_defer, ignore_defer };
  Mode mode;
};

// What Exim finds only when it gets there.
struct BrokenItem {
  std::string why;
  bool is_unknown = false;  // as a host name that cannot be found, and not as a temporary failure
};

// Items that are not known before their variables are.
struct ExpandedItems {
  expand::Program program;
  char separator;
  Piece piece;
};

// A file that is read when the list is used, because its name was not known before.
struct FileItem {
  std::string path;
};

// The sign of the last element decides what becomes of a subject that none matches.
struct Element {
  bool positive = true;
  std::variant<TextRun, AddressRun, HostRun, OwnAddresses, RegexItem, NamedItem, LookupItem, QueryItem, PairItem, SplitItem,
               MxItem, HostItem, ModeItem, BrokenItem, ExpandedItems, FileItem>
      item;
};

class ItemList {
 public:
  explicit ItemList(ListKind kind) noexcept : kind_(kind) {}

  [[nodiscard]] ListKind kind() const noexcept { return kind_; }
  // True when matching it may ask something of a ListFacts.
  [[nodiscard]] bool asks() const noexcept { return asks_; }
  // True when it holds an item that could not be read: whoever gets to it is put off.
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  // Why: the item that asks, for messages.
  [[nodiscard]] const std::string& asking_item() const noexcept { return asking_item_; }
  [[nodiscard]] const std::vector<Element>& elements() const noexcept { return elements_; }

 private:
  friend class ItemCompiler;

  ListKind kind_;
  bool asks_ = false;
  bool is_broken_ = false;
  std::string asking_item_;
  std::vector<Element> elements_;
};

}  // namespace postern::lists
