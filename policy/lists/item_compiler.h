// From the items of one list, as text, to an ItemList. The same for a list that is read while the configuration loads and for
// one that is read when it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "policy/expand/config_text.h"
#include "policy/expand/services.h"
#include "policy/lists/item_list.h"
#include "policy/lists/list_text.h"

namespace postern::lists {

// One item, without the !.
struct ItemText {
  std::string_view text;
  bool positive = true;
  bool in_file = false;
  expand::Position at = {};
};

class ItemCompiler;

// What items refer to, and who hears of errors.
class ItemSource {
 public:
  virtual ~ItemSource() = default;

  [[nodiscard]] virtual const std::string& primary_hostname() const = 0;
  [[nodiscard]] virtual std::shared_ptr<const IpSet> local_addresses() const = 0;
  // Null: there are no lookups here.
  [[nodiscard]] virtual expand::CompileServices* services() const = 0;
  // The list behind "+name"; null, and `why`, when there is none.
  [[nodiscard]] virtual std::shared_ptr<const ItemList> named(ListKind kind, const ItemText& item, std::string& why) = 0;
  // Adds what the file holds, or will hold when the list is used.
  virtual void add_file(ItemCompiler& compiler, const ItemText& item) = 0;
  // `late`: it is a mistake only for whoever asks the list, which gets to the item and defers.
  virtual void error(const ItemText& item, std::string message, bool late) = 0;
  virtual void warning(const ItemText& item, std::string message) = 0;
  virtual void noticed_lookup_file(expand::LookupHandle, const std::string&) {}
  // Whether the text may hold a peer's bytes: then it names no file, lookup or list.
  [[nodiscard]] virtual bool is_tainted() const { return false; }
};

class ItemCompiler {
 public:
  // `cannot_wait` names a place where lists cannot ask anything ("hosts"): an item that does is an error there. Empty: they
  // can. `fails_late`: mistakes are for whoever gets to them. `source` outlives the compiler.
  ItemCompiler(ListKind kind, ItemSource& source, std::string_view cannot_wait = {}, bool fails_late = true);

  // `positions`: where the text stood, or null.
  void add_text(std::string_view text, char separator, Piece piece, const expand::ConfigText* positions);
  // One item, which may begin with !.
  void add_item(std::string_view text, const expand::Position& at);
  // The lines of a file. `positive`: false for a file whose name stood behind a !.
  void add_lines(std::string_view content, bool positive, const std::string& path);
  void add_expanded(expand::Program program, char separator, Piece piece, std::string_view shown);
  void add_query(expand::Program program, bool positive, std::string_view shown);
  void add_file_at_use(const ItemText& item);

  [[nodiscard]] bool fails_late() const noexcept { return fails_late_; }
  [[nodiscard]] ListKind kind() const noexcept { return list_.kind_; }
  [[nodiscard]] ItemList take();

 private:
  void add(const ItemText& item);
  void add_domain(const ItemText& item);
  void add_local_part(const ItemText& item);
  void add_address(const ItemText& item);
  void add_address_pair(const ItemText& item, std::size_t at);
  void add_host(const ItemText& item);
  void add_host_name(const ItemText& item);
  void add_regex(const ItemText& item);
  void add_named(const ItemText& item);
  void add_lookup(const ItemText& item);
  void add_split(const ItemText& item);
  void add_mx(const ItemText& item);
  [[nodiscard]] bool is_mode(const ItemText& item);
  [[nodiscard]] bool is_refused(const ItemText& item);
  [[nodiscard]] bool make_lookup(std::string_view text, const ItemText& item, LookupItem& lookup);

  template <class T>
  T& push(bool positive, T item);
  // The same, of an item that asks; `why` says what it needs, in the words behind which stands who cannot wait.
  template <class T>
  void push_asking(const ItemText& item, T asking, std::string_view why);
  // The run of plain text that an item of this sign joins.
  TextRun& text_run(bool positive);
  AddressRun& address_run(bool positive);
  HostRun& host_run(bool positive);
  void warn_of_blanks(const ItemText& item);
  void error(const ItemText& item, std::string message, bool is_unknown = false);
  void leave_out(const ItemText& item, std::string message);
  void note_asking(std::string_view item);

  ItemSource& source_;
  std::string_view cannot_wait_;
  bool fails_late_;
  ItemList list_;
  Case letters_ = Case::ignored;
  std::uint32_t number_ = 0;  // of the patterns so far
};

}  // namespace postern::lists
