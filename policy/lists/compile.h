// From configuration text to lists. One ListCompiler serves one load: it knows the named lists, compiles each when it is first
// asked for, and reports everything it cannot read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/file_source.h"
#include "policy/expand/fold.h"
#include "policy/lists/address_list.h"
#include "policy/lists/domain_list.h"
#include "policy/lists/host_list.h"
#include "policy/lists/local_part_list.h"

namespace postern::lists {

struct ListEnvironment {
  std::string primary_hostname;            // what @ stands for
  std::vector<IpAddress> local_addresses;  // what @[] stands for
  expand::FileSource* files = nullptr;     // for items that are absolute file names; outlives the compiler
  expand::LoadTimeValues values;           // for variables in lists
  std::size_t file_bytes_max = std::size_t{256} * 1024 * 1024;
};

inline constexpr std::size_t kNamedDepthMax = 32;  // named lists within named lists

enum class ListKind : std::uint8_t { domain, host, address, local_part };

class ListCompiler {
 public:
  // `diagnostics` outlives the compiler.
  ListCompiler(ListEnvironment environment, expand::Diagnostics& diagnostics);

  // A named list. Names of different kinds do not meet. A second definition of one name is reported.
  void define(ListKind kind, const expand::ConfigText& name, expand::ConfigText value);
  // Compiles the named lists that nothing has asked for, so that their errors are found too.
  void compile_named();

  // Each gives a list even after errors, which are reported. `what` names the text in messages ("hosts").
  [[nodiscard]] DomainList domains(const expand::ConfigText& text, std::string_view what);
  [[nodiscard]] HostList hosts(const expand::ConfigText& text, std::string_view what);
  [[nodiscard]] AddressList addresses(const expand::ConfigText& text, std::string_view what);
  [[nodiscard]] LocalPartList local_parts(const expand::ConfigText& text, std::string_view what);

  // One item of a domain list, with no separators in it: the pattern of a route_list rule or of a retry rule.
  [[nodiscard]] DomainList one_domain(const expand::ConfigText& item, std::string_view what);
  [[nodiscard]] AddressList one_address(const expand::ConfigText& item, std::string_view what);

 private:
  struct Item {
    std::string_view text;  // without the !
    bool positive;
    bool in_file;
    expand::Position at;
  };
  struct Definition {
    expand::ConfigText name;
    expand::ConfigText text;
    enum class State : std::uint8_t { waiting, compiling, done } state = State::waiting;
    // One of these, by its kind.
    std::shared_ptr<const DomainList> domains;
    std::shared_ptr<const HostList> hosts;
    std::shared_ptr<const AddressList> addresses;
    std::shared_ptr<const LocalPartList> local_parts;
  };
  // Where the items of one list go: functions of one kind, and what they need to remember.
  template <class List>
  struct Builder;

  template <class List>
  [[nodiscard]] List compile(const expand::ConfigText& text, std::string_view what);
  template <class List>
  [[nodiscard]] List compile_one(const expand::ConfigText& text, std::string_view what);
  template <class List>
  void read_items(Builder<List>& builder, const expand::ConfigText& expanded);
  template <class List>
  void read_item(Builder<List>& builder, std::string_view text, const expand::Position& at);
  template <class List>
  void read_file(Builder<List>& builder, const Item& item);
  template <class List>
  void add_item(Builder<List>& builder, const Item& item);
  template <class List>
  [[nodiscard]] std::shared_ptr<const List> named(const Item& item);
  template <class List>
  void compile_definition(Definition& definition);

  void add_domain_pattern(DomainPatterns& run, std::string_view pattern, const Item& item);
  void add_plain(TextMatcher& text, std::string_view pattern, const Item& item);
  void add_network(HostPatterns& run, const Item& item);
  void add_address_pair(AddressPatterns& run, Case letters, const Item& item);
  // Reports patterns that no part of postern can match yet. True when the item was one.
  bool refuse(std::string_view pattern, const Item& item);
  bool refuse_host(const Item& item);
  void error(const Item& item, std::string message);

  [[nodiscard]] std::map<std::string, Definition, std::less<>>& definitions(ListKind kind) {
    return definitions_[static_cast<std::size_t>(kind)];
  }

  ListEnvironment environment_;
  std::shared_ptr<const IpSet> local_addresses_;
  std::map<std::string, Definition, std::less<>> definitions_[4];
  expand::Diagnostics& diagnostics_;
  std::size_t depth_ = 0;  // of named lists being compiled within each other
};

}  // namespace postern::lists
