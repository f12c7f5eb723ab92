// The lists of each kind as their owners see them. Immutable once made; shared by all shards; copies are cheap.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/ip_address.h"
#include "engine/coro/task.h"
#include "policy/lists/facts.h"
#include "policy/lists/item_list.h"
#include "policy/lists/match.h"

namespace postern::lists {

// What all kinds have. An empty list has nothing in it.
class AnyList {
 public:
  AnyList() = default;

  // True when matching may ask something of a ListFacts: the DNS, a lookup, a variable. Such a list is matched with them.
  [[nodiscard]] bool asks() const noexcept { return items_ != nullptr && items_->asks(); }

 protected:
  explicit AnyList(std::shared_ptr<const ItemList> items) noexcept : items_(std::move(items)) {}

  [[nodiscard]] bool is_in(std::string_view text, const IpAddress* host) const noexcept;
  [[nodiscard]] std::optional<Match> ask_now(std::string_view text, const IpAddress* host, bool is_bare_address,
                                             ListFacts& facts) const;
  [[nodiscard]] static Task<Match> ask(std::shared_ptr<const ItemList> items, std::string text, std::optional<IpAddress> host,
                                       bool is_bare_address, ListFacts& facts);

  std::shared_ptr<const ItemList> items_;

 private:
  friend class ListCompiler;
};

// matches: for lists that do not ask (checked). No allocation. A regular expression that gives up does not match.
// match_now: the answer when everything asked can be answered at once; nothing when some of it is to be waited for.
// match: the answer, in any case. Suspends where the facts do; they outlive the task.
// at_use: a list that was expanded just now, and holds no bytes of a peer. What is wrong in it defers when matching gets there.

// Domains; letters of either case are alike.
class DomainList : public AnyList {
 public:
  static constexpr ListKind kKind = ListKind::domain;
  DomainList() = default;
  [[nodiscard]] static DomainList at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services);
  [[nodiscard]] bool matches(std::string_view domain) const noexcept { return is_in(domain, nullptr); }
  [[nodiscard]] std::optional<Match> match_now(std::string_view domain, ListFacts& facts) const {
    return ask_now(domain, nullptr, false, facts);
  }
  [[nodiscard]] Task<Match> match(std::string domain, ListFacts& facts) const {
    return ask(items_, std::move(domain), std::nullopt, false, facts);
  }

 private:
  friend class ListCompiler;
  using AnyList::AnyList;
};

// Local parts; letters of either case are alike up to a +caseful item.
class LocalPartList : public AnyList {
 public:
  static constexpr ListKind kKind = ListKind::local_part;
  LocalPartList() = default;
  [[nodiscard]] static LocalPartList at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services);
  [[nodiscard]] bool matches(std::string_view local_part) const noexcept { return is_in(local_part, nullptr); }
  [[nodiscard]] std::optional<Match> match_now(std::string_view local_part, ListFacts& facts) const {
    return ask_now(local_part, nullptr, false, facts);
  }
  [[nodiscard]] Task<Match> match(std::string local_part, ListFacts& facts) const {
    return ask(items_, std::move(local_part), std::nullopt, false, facts);
  }

 private:
  friend class ListCompiler;
  using AnyList::AnyList;
};

// Addresses: "local_part@domain", or empty for the null sender, which an empty item matches. Letters of either case are alike;
// in local parts up to a +caseful item.
class AddressList : public AnyList {
 public:
  static constexpr ListKind kKind = ListKind::address;
  AddressList() = default;
  [[nodiscard]] static AddressList at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services);
  [[nodiscard]] bool matches(std::string_view address) const noexcept { return is_in(address, nullptr); }
  [[nodiscard]] std::optional<Match> match_now(std::string_view address, ListFacts& facts) const {
    return ask_now(address, nullptr, false, facts);
  }
  [[nodiscard]] Task<Match> match(std::string address, ListFacts& facts) const {
    return ask(items_, std::move(address), std::nullopt, false, facts);
  }

 private:
  friend class ListCompiler;
  using AnyList::AnyList;
};

// Hosts, by address and by the names that the facts know. Without an address (a message that came from no host) only * and an
// empty item match.
class HostList : public AnyList {
 public:
  static constexpr ListKind kKind = ListKind::host;
  HostList() = default;
  [[nodiscard]] static HostList at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services);
  [[nodiscard]] bool matches(const IpAddress& address) const noexcept { return is_in({}, &address); }
  [[nodiscard]] std::optional<Match> match_now(const std::optional<IpAddress>& address, ListFacts& facts) const {
    return ask_now({}, address ? &*address : nullptr, false, facts);
  }
  [[nodiscard]] Task<Match> match(std::optional<IpAddress> address, ListFacts& facts) const {
    return ask(items_, {}, address, false, facts);
  }
  // The condition match_ip: any address, which has no name. An item that is about names counts as one that cannot be found.
  [[nodiscard]] std::optional<Match> match_ip_now(const std::optional<IpAddress>& address, ListFacts& facts) const {
    return ask_now({}, address ? &*address : nullptr, true, facts);
  }
  [[nodiscard]] Task<Match> match_ip(std::optional<IpAddress> address, ListFacts& facts) const {
    return ask(items_, {}, address, true, facts);
  }

 private:
  friend class ListCompiler;
  using AnyList::AnyList;
};

}  // namespace postern::lists
