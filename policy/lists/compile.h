// From configuration text to lists. One ListCompiler serves one load: it knows the named lists, compiles each when it is first
// asked for, and reports everything it cannot read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/file_source.h"
#include "policy/expand/fold.h"
#include "policy/lists/item_compiler.h"
#include "policy/lists/list.h"
#include "policy/lists/world.h"

namespace postern::lists {

struct ListEnvironment {
  std::string primary_hostname;                 // what @ stands for
  std::vector<IpAddress> local_addresses;       // what @[] stands for
  expand::FileSource* files = nullptr;          // for items that are absolute file names; outlives the compiler
  expand::LoadTimeValues values;                // for variables in lists
  expand::CompileServices* services = nullptr;  // for lookups; outlives the compiler
  std::shared_ptr<const ListWorld> known;       // named lists of a load that is over; null: there are none
  std::size_t file_bytes_max = std::size_t{256} * 1024 * 1024;
};

// Whether whoever matches a list has a ListFacts and can wait.
enum class Use : std::uint8_t {
  at_once,  // no: an item that asks something is an error, which names it
  asks,     // yes
  late,     // yes, and whoever gets to an item that cannot be read fails there, as with Exim
};

class ListCompiler final : private ItemSource {
 public:
  // `diagnostics` outlives the compiler.
  ListCompiler(ListEnvironment environment, expand::Diagnostics& diagnostics);

  // A named list. Names of different kinds do not meet. A second definition of one name is reported.
  void define(ListKind kind, const expand::ConfigText& name, expand::ConfigText value);
  // Compiles the named lists that nothing has asked for, so that their errors are found too, and that lists which are expanded
  // when they are used can refer to them.
  void compile_named();
  // What such lists refer to. Grows until the load is over; then it is for all shards.
  [[nodiscard]] std::shared_ptr<const ListWorld> world() const noexcept { return world_; }
  [[nodiscard]] bool is_named(ListKind kind, std::string_view name) const;

  // Each gives a list even after errors, which are reported. `what` names the text in messages ("hosts").
  [[nodiscard]] DomainList domains(const expand::ConfigText& text, std::string_view what, Use use = Use::at_once);
  [[nodiscard]] HostList hosts(const expand::ConfigText& text, std::string_view what, Use use = Use::at_once);
  [[nodiscard]] AddressList addresses(const expand::ConfigText& text, std::string_view what, Use use = Use::at_once);
  [[nodiscard]] LocalPartList local_parts(const expand::ConfigText& text, std::string_view what, Use use = Use::at_once);

  // One item of a list, with no separators in it: the pattern of a route_list rule or of a retry rule.
  [[nodiscard]] DomainList one_domain(const expand::ConfigText& item, std::string_view what, Use use = Use::at_once);
  [[nodiscard]] AddressList one_address(const expand::ConfigText& item, std::string_view what, Use use = Use::at_once);

 private:
  struct Definition {
    expand::ConfigText name;
    expand::ConfigText text;
    enum class State : std::uint8_t { waiting, compiling, done } state = State::waiting;
    std::shared_ptr<const ItemList> list;
  };
  using Definitions = std::map<std::string, Definition, std::less<>>;

  template <class List>
  [[nodiscard]] List compile(const expand::ConfigText& text, std::string_view what, Use use);
  template <class List>
  [[nodiscard]] List compile_one(const expand::ConfigText& text, std::string_view what, Use use);
  [[nodiscard]] ItemList compile_items(ListKind kind, const expand::ConfigText& text, std::string_view what, Use use);
  [[nodiscard]] bool is_known_at_load(const expand::Program& program) const;
  void add_raw(ItemCompiler& compiler, const expand::ConfigText& text, std::string_view what);
  void add_constant(ItemCompiler& compiler, const expand::ConfigText& text, char separator, Piece piece, std::string_view what);
  void add_variable(ItemCompiler& compiler, const expand::ConfigText& text, char separator, Piece piece);
  [[nodiscard]] bool add_query(ItemCompiler& compiler, const expand::ConfigText& text);
  void compile_definition(ListKind kind, Definition& definition);

  // ItemSource
  [[nodiscard]] const std::string& primary_hostname() const override { return environment_.primary_hostname; }
  [[nodiscard]] std::shared_ptr<const IpSet> local_addresses() const override { return world_->local_addresses_; }
  [[nodiscard]] expand::CompileServices* services() const override { return environment_.services; }
  [[nodiscard]] std::shared_ptr<const ItemList> named(ListKind kind, const ItemText& item, std::string& why) override;
  void add_file(ItemCompiler& compiler, const ItemText& item) override;
  void error(const ItemText& item, std::string message, bool late) override;
  void warning(const ItemText& item, std::string message) override;
  void noticed_lookup_file(expand::LookupHandle handle, const std::string& file) override;

  [[nodiscard]] Definitions& definitions(ListKind kind) { return definitions_[static_cast<std::size_t>(kind)]; }

  ListEnvironment environment_;
  std::shared_ptr<ListWorld> world_;
  std::array<Definitions, 4> definitions_;
  expand::Diagnostics& diagnostics_;
  std::size_t depth_ = 0;  // of named lists being compiled within each other
};

// How a piece of a list is split into items.
struct Splitting {
  char separator = ':';
  Piece piece = Piece::whole;
};

// A list, or a piece of one, that was expanded just now. What is wrong in it is found only when matching gets there.
// `services` may be null: then it names no lookup. A text of a peer's bytes names no file, lookup or list.
[[nodiscard]] ItemList compile_at_use(ListKind kind, std::string_view text, Splitting splitting, const ListWorld& world,
                                      expand::CompileServices* services, expand::Bytes bytes);
// The content of a file that such a list names.
[[nodiscard]] ItemList compile_file_at_use(ListKind kind, std::string_view content, bool positive, const ListWorld& world,
                                           expand::CompileServices* services);

}  // namespace postern::lists
