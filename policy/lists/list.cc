#include "policy/lists/list.h"

#include <utility>

#include "engine/base/check.h"
#include "policy/lists/compile.h"
#include "policy/lists/inquiry.h"
#include "policy/lists/judge.h"

namespace postern::lists {

bool AnyList::is_in(std::string_view text, const IpAddress* host) const noexcept {
  if (items_ == nullptr) return false;
  POSTERN_CHECK(!items_->asks());
  return Judge(nullptr, Judge::Wants::truth).match(*items_, {text, host}).truth == Truth::yes;
}

std::optional<Match> AnyList::ask_now(std::string_view text, const IpAddress* host, bool is_bare_address,
                                      ListFacts& facts) const {
  if (items_ == nullptr) return Match();
  if (!items_->asks()) return Judge(nullptr, Judge::Wants::data).match(*items_, {text, host, is_bare_address});
  Inquiry inquiry(facts);
  Match match = Judge(&inquiry, Judge::Wants::data).match(*items_, {text, host, is_bare_address});
  if (inquiry.waits()) return std::nullopt;
  return match;
}

Task<Match> AnyList::ask(std::shared_ptr<const ItemList> items, std::string text, std::optional<IpAddress> host,
                         bool is_bare_address, ListFacts& facts) {
  if (items == nullptr) co_return Match();
  Inquiry inquiry(facts);
  for (;;) {
    Match match = Judge(&inquiry, Judge::Wants::data).match(*items, {text, host ? &*host : nullptr, is_bare_address});
    if (!inquiry.waits()) co_return std::move(match);
    co_await inquiry.wait();
  }
}

namespace {

std::shared_ptr<const ItemList> items_at_use(ListKind kind, std::string_view text, const ListWorld& world,
                                             expand::CompileServices* services) {
  return std::make_shared<const ItemList>(compile_at_use(kind, text, {}, world, services, expand::Bytes::ours));
}

}  // namespace

DomainList DomainList::at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services) {
  return DomainList(items_at_use(kKind, text, world, services));
}
LocalPartList LocalPartList::at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services) {
  return LocalPartList(items_at_use(kKind, text, world, services));
}
AddressList AddressList::at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services) {
  return AddressList(items_at_use(kKind, text, world, services));
}
HostList HostList::at_use(std::string_view text, const ListWorld& world, expand::CompileServices* services) {
  return HostList(items_at_use(kKind, text, world, services));
}

}  // namespace postern::lists
