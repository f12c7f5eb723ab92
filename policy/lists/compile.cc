#include "policy/lists/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"
#include "policy/expand/nearest.h"
#include "policy/expand/our_text.h"
#include "policy/lists/list_text.h"

namespace postern::lists {

namespace {

using expand::ConfigText;
using expand::Position;

std::string_view name_of(ListKind kind) noexcept {
  switch (kind) {
    case ListKind::domain: return "domain list";
    case ListKind::host: return "host list";
    case ListKind::address: return "address list";
    case ListKind::local_part: return "local part list";
  }
  return {};
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", printable(text, 128)); }

// Without telling the load of the error.
std::optional<expand::Program> compile_quietly(const ConfigText& text, expand::CompileServices* services, std::string& why) {
  expand::Diagnostics diagnostics;
  auto program = expand::compile(text, diagnostics, services);
  if (!program) why = diagnostics.all().front().message;
  return program;
}

// A list that is read when it is used.
class SourceAtUse final : public ItemSource {
 public:
  SourceAtUse(const ListWorld& world, expand::CompileServices* services, expand::Bytes bytes) noexcept
      : world_(world), services_(services), bytes_(bytes) {}

  [[nodiscard]] const std::string& primary_hostname() const override { return world_.primary_hostname(); }
  [[nodiscard]] std::shared_ptr<const IpSet> local_addresses() const override { return world_.local_addresses(); }
  [[nodiscard]] expand::CompileServices* services() const override { return services_; }
  [[nodiscard]] std::shared_ptr<const ItemList> named(ListKind kind, const ItemText& item, std::string& why) override {
    auto list = world_.named(kind, item.text.substr(1));
    if (list == nullptr) why = fmt::format("unknown named {} {}", name_of(kind), quoted(item.text));
    return list;
  }
  void add_file(ItemCompiler& compiler, const ItemText& item) override { compiler.add_file_at_use(item); }
  void error(const ItemText&, std::string, bool) override {}
  void warning(const ItemText&, std::string) override {}
  [[nodiscard]] bool is_tainted() const override { return bytes_ == expand::Bytes::peers; }

 private:
  const ListWorld& world_;
  expand::CompileServices* services_;
  expand::Bytes bytes_;
};

}  // namespace

ItemList compile_at_use(ListKind kind, std::string_view text, Splitting splitting, const ListWorld& world,
                        expand::CompileServices* services, expand::Bytes bytes) {
  SourceAtUse source(world, services, bytes);
  ItemCompiler compiler(kind, source);
  compiler.add_text(text, splitting.separator, splitting.piece, nullptr);
  return compiler.take();
}

ItemList compile_file_at_use(ListKind kind, std::string_view content, bool positive, const ListWorld& world,
                             expand::CompileServices* services) {
  SourceAtUse source(world, services, expand::Bytes::ours);
  ItemCompiler compiler(kind, source);
  compiler.add_lines(content, positive, {});
  return compiler.take();
}

ListCompiler::ListCompiler(ListEnvironment environment, expand::Diagnostics& diagnostics)
    : environment_(std::move(environment)), world_(std::make_shared<ListWorld>()), diagnostics_(diagnostics) {
  auto local = std::make_shared<IpSet>();
  for (const IpAddress& address : environment_.local_addresses) local->add(address);
  local->seal();
  world_->local_addresses_ = std::move(local);
  world_->primary_hostname_ = environment_.primary_hostname;
}

void ListCompiler::define(ListKind kind, const ConfigText& name, ConfigText value) {
  const auto [at, is_new] = definitions(kind).try_emplace(std::string(name.view()));
  if (!is_new) {
    const Position first = at->second.name.position();
    diagnostics_.error(name.position(), fmt::format("the named list {} was defined before, at {}:{}:{}", quoted(name.view()),
                                                    first.file, first.line, first.column));
    return;
  }
  world_->texts_[static_cast<std::size_t>(kind)].emplace(name.view(), value.view());
  at->second.name = name;
  at->second.text = std::move(value);
}

void ListCompiler::compile_named() {
  for (const ListKind kind : {ListKind::domain, ListKind::host, ListKind::address, ListKind::local_part})
    for (auto& [name, definition] : definitions(kind)) compile_definition(kind, definition);
}

bool ListCompiler::is_named(ListKind kind, std::string_view name) const {
  return definitions_[static_cast<std::size_t>(kind)].contains(name);
}

void ListCompiler::compile_definition(ListKind kind, Definition& definition) {
  if (definition.state != Definition::State::waiting) return;
  definition.state = Definition::State::compiling;
  const std::string what = fmt::format("the {} {}", name_of(kind), quoted(definition.name.view()));
  definition.list = std::make_shared<const ItemList>(compile_items(kind, definition.text, what, Use::late));
  definition.state = Definition::State::done;
  world_->named_[static_cast<std::size_t>(kind)].emplace(definition.name.view(), definition.list);
}

std::shared_ptr<const ItemList> ListCompiler::named(ListKind kind, const ItemText& item, std::string& why) {
  Definitions& known = definitions(kind);
  const std::string_view name = item.text.substr(1);
  const auto found = known.find(name);
  if (found == known.end() && environment_.known != nullptr)
    if (auto list = environment_.known->named(kind, name)) return list;
  if (found == known.end()) {
    expand::Nearest nearest(name);
    for (const auto& [candidate, definition] : known) nearest.offer(candidate);
    why = fmt::format("unknown named {} {}{}", name_of(kind), quoted(item.text), nearest.question("+"));
    return nullptr;
  }
  if (found->second.state == Definition::State::compiling) {
    why = fmt::format("the named {} {} refers to itself", name_of(kind), quoted(name));
    return nullptr;
  }
  if (depth_ == kNamedDepthMax) {
    why = fmt::format("named lists within named lists: {} are more than {} deep", quoted(name), kNamedDepthMax);
    return nullptr;
  }
  ++depth_;
  compile_definition(kind, found->second);
  --depth_;
  return found->second.list;
}

void ListCompiler::add_file(ItemCompiler& compiler, const ItemText& item) {
  const std::string path(item.text);
  const Result<std::string> content = environment_.files == nullptr
                                          ? Result<std::string>(failure(Errc::unsupported, "read"))
                                          : environment_.files->read(path, environment_.file_bytes_max);
  if (!content)
    return error(item, fmt::format("cannot read the list file {}: {}", quoted(path), describe(content.error())), false);
  compiler.add_lines(*content, item.positive, path);
}

void ListCompiler::error(const ItemText& item, std::string message, bool late) {
  diagnostics_.add(late ? expand::Severity::late : expand::Severity::error, item.at, std::move(message));
}
void ListCompiler::warning(const ItemText& item, std::string message) { diagnostics_.warning(item.at, std::move(message)); }

void ListCompiler::noticed_lookup_file(expand::LookupHandle handle, const std::string& file) {
  std::pair<expand::LookupHandle, std::string> noticed(handle, file);
  if (std::ranges::find(world_->lookup_files_, noticed) == world_->lookup_files_.end())
    world_->lookup_files_.push_back(std::move(noticed));
}

bool ListCompiler::is_known_at_load(const expand::Program& program) const {
  return program.needs_only_variables() &&
         std::ranges::all_of(program.variables(), [this](expand::VariableId id) { return environment_.values.knows(id); });
}

ItemList ListCompiler::compile_items(ListKind kind, const ConfigText& text, std::string_view what, Use use) {
  ItemCompiler compiler(kind, *this, use == Use::at_once ? what : std::string_view(), use == Use::late);
  if (text.view().find_first_of("$\\") == std::string_view::npos || use == Use::at_once) {
    add_constant(compiler, text, ':', Piece::whole, what);
    return compiler.take();
  }
  std::optional<expand::Program> read = use == Use::late ? expand::compile_late(text, diagnostics_, environment_.services)
                                                         : expand::compile(text, diagnostics_, environment_.services);
  if (!read) return compiler.take();
  expand::Program program = *std::move(read);
  if (program.always_fails())
    compiler.add_expanded(std::move(program), ':', Piece::whole, trim(text.view()));
  else if (is_known_at_load(program))
    add_constant(compiler, text, ':', Piece::whole, what);
  else
    add_raw(compiler, text, what);
  return compiler.take();
}

void ListCompiler::add_constant(ItemCompiler& compiler, const ConfigText& text, char separator, Piece piece,
                                std::string_view what) {
  const auto expanded = expand::expand_at_load(text, environment_.values, what, diagnostics_);
  if (expanded) compiler.add_text(expanded->view(), separator, piece, &*expanded);
}

// Keeps what is constant compiled: only items that hold variables, and those that may grow together with them, wait for their
// use.
void ListCompiler::add_raw(ItemCompiler& compiler, const ConfigText& text, std::string_view what) {
  const auto raw = split_raw(text.view());
  if (!raw) return add_variable(compiler, text, ':', Piece::whole);
  const auto is_variable = [&](const RawItem& item) {
    if (!item.has_variables) return false;
    std::string why;
    const auto program = compile_quietly(text.slice(item.begin, item.end - item.begin), environment_.services, why);
    return !program || !is_known_at_load(*program);
  };
  std::size_t constants_begin = 0;
  const auto add_constants = [&](std::size_t end) {
    if (constants_begin == end) return;
    const std::size_t begin = raw->items[constants_begin].begin;
    const Piece piece = end == raw->items.size() ? Piece::last : Piece::middle;
    add_constant(compiler, text.slice(begin, raw->items[end - 1].end - begin), raw->separator, piece, what);
  };
  for (std::size_t first = 0; first < raw->items.size();) {
    std::size_t end = first + 1;
    bool varies = is_variable(raw->items[first]);
    for (; raw->items[end - 1].touches_next; ++end) varies = is_variable(raw->items[end]) || varies;
    if (varies) {
      add_constants(first);
      const std::size_t begin = raw->items[first].begin;
      const ConfigText group = text.slice(begin, raw->items[end - 1].end - begin);
      const Piece piece = end == raw->items.size() ? Piece::last : Piece::middle;
      if (end > first + 1 || !add_query(compiler, group)) add_variable(compiler, group, raw->separator, piece);
      constants_begin = end;
    }
    first = end;
  }
  add_constants(raw->items.size());
}

void ListCompiler::add_variable(ItemCompiler& compiler, const ConfigText& text, char separator, Piece piece) {
  compiler.add_expanded(expand::compile_late(text, diagnostics_, environment_.services), separator, piece, trim(text.view()));
}

// "redis;get $domain": the query is one item whatever the variables hold, and what a peer chose must be quoted in it, which the
// expansion sees to. False when the text is something else.
bool ListCompiler::add_query(ItemCompiler& compiler, const ConfigText& text) {
  std::string_view item = trim(text.view());
  const bool negated = item.starts_with('!');
  if (negated) item = trim(item.substr(1));
  const std::size_t semicolon = item.find(';');
  if (semicolon == item.npos || environment_.services == nullptr) return false;
  std::string_view type = item.substr(0, semicolon);
  if (type.find_first_of("$\\{}/@^") != type.npos) return false;
  if (compiler.kind() == ListKind::host && type.starts_with("net-")) type.remove_prefix(4);
  const auto lookup = environment_.services->find_lookup(type);
  if (!lookup || !lookup->query_style) return false;
  const std::string asked = fmt::format("${{lookup {} {{{}}} {{+$value}} {{}}}}", type, trim(item.substr(semicolon + 1)));
  std::string why;
  auto program = compile_quietly(expand::OurText::of(asked, {}), environment_.services, why);
  if (!program) {
    diagnostics_.add(compiler.fails_late() ? expand::Severity::late : expand::Severity::error, text.position(),
                     fmt::format("{}: {}", quoted(item), why));
    program = expand::Program::failing(item, why);
  }
  compiler.add_query(*std::move(program), !negated, item);
  return true;
}

template <class List>
List ListCompiler::compile(const ConfigText& text, std::string_view what, Use use) {
  return List(std::make_shared<const ItemList>(compile_items(List::kKind, text, what, use)));
}

template <class List>
List ListCompiler::compile_one(const ConfigText& text, std::string_view what, Use use) {
  ItemCompiler compiler(List::kKind, *this, use == Use::at_once ? what : std::string_view(), use == Use::late);
  const auto expanded = expand::expand_at_load(text, environment_.values, what, diagnostics_);
  if (expanded) compiler.add_item(trim(expanded->view()), expanded->position());
  return List(std::make_shared<const ItemList>(compiler.take()));
}

DomainList ListCompiler::domains(const ConfigText& text, std::string_view what, Use use) {
  return compile<DomainList>(text, what, use);
}
HostList ListCompiler::hosts(const ConfigText& text, std::string_view what, Use use) {
  return compile<HostList>(text, what, use);
}
AddressList ListCompiler::addresses(const ConfigText& text, std::string_view what, Use use) {
  return compile<AddressList>(text, what, use);
}
LocalPartList ListCompiler::local_parts(const ConfigText& text, std::string_view what, Use use) {
  return compile<LocalPartList>(text, what, use);
}
DomainList ListCompiler::one_domain(const ConfigText& item, std::string_view what, Use use) {
  return compile_one<DomainList>(item, what, use);
}
AddressList ListCompiler::one_address(const ConfigText& item, std::string_view what, Use use) {
  return compile_one<AddressList>(item, what, use);
}

}  // namespace postern::lists
