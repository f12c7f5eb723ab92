// What lists that are expanded when they are used refer to: made by one load, it belongs to that configuration.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/expand/services.h"
#include "policy/lists/item_list.h"

namespace postern::lists {

class ListWorld {
 public:
  [[nodiscard]] const std::string& primary_hostname() const noexcept { return primary_hostname_; }
  [[nodiscard]] const std::shared_ptr<const IpSet>& local_addresses() const noexcept { return local_addresses_; }
  // Null when there is no such list.
  [[nodiscard]] std::shared_ptr<const ItemList> named(ListKind kind, std::string_view name) const {
    const auto& known = named_[static_cast<std::size_t>(kind)];
    const auto found = known.find(name);
    return found == known.end() ? nullptr : found->second;
  }
  // As it is written; null when there is no such list.
  [[nodiscard]] const std::string* text(ListKind kind, std::string_view name) const {
    const auto& known = texts_[static_cast<std::size_t>(kind)];
    const auto found = known.find(name);
    return found == known.end() ? nullptr : &found->second;
  }
  // Files that lookup items of lists name: worth reading while the configuration loads.
  [[nodiscard]] const std::vector<std::pair<expand::LookupHandle, std::string>>& lookup_files() const noexcept {
    return lookup_files_;
  }

 private:
  friend class ListCompiler;

  std::string primary_hostname_;
  std::shared_ptr<const IpSet> local_addresses_;
  std::array<std::map<std::string, std::shared_ptr<const ItemList>, std::less<>>, 4> named_;
  std::array<std::map<std::string, std::string, std::less<>>, 4> texts_;
  std::vector<std::pair<expand::LookupHandle, std::string>> lookup_files_;
};

}  // namespace postern::lists
