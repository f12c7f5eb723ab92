#include "policy/lists/named_text.h"

#include <fmt/format.h>

#include <array>

#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"

namespace postern::lists {

namespace {

constexpr std::array kKinds = {ListKind::domain, ListKind::host, ListKind::address, ListKind::local_part};

std::string_view word_of(ListKind kind) noexcept {
  switch (kind) {
    case ListKind::domain: return "domain";
    case ListKind::host: return "host";
    case ListKind::address: return "address";
    case ListKind::local_part: return "localpart";
  }
  return {};
}

class Writer {
 public:
  Writer(const ListWorld& world, ListKind kind) noexcept : world_(world), kind_(kind) {}

  [[nodiscard]] bool add(std::string_view text, std::size_t depth) {
    ListReader reader(text);
    for (std::string item; reader.next(item);) {
      if (++items_ > kNamedTextBytesMax) return false;
      const std::string* const within = item.starts_with('+') ? world_.text(kind_, std::string_view(item).substr(1)) : nullptr;
      if (within != nullptr ? depth == kNamedDepthMax || !add(*within, depth + 1) : !append(item)) return false;
    }
    return true;
  }
  [[nodiscard]] std::string take() noexcept { return std::move(written_); }

 private:
  [[nodiscard]] bool append(std::string_view item) {
    if (written_.size() + 2 * item.size() + 3 > kNamedTextBytesMax) return false;
    if (!written_.empty()) written_ += " : ";
    for (const char c : item) written_.append(c == ':' ? 2 : 1, c);
    return true;
  }

  const ListWorld& world_;
  ListKind kind_;
  std::string written_;
  std::size_t items_ = 0;  // seen: lists may name each other without adding anything
};

}  // namespace

std::expected<std::string, std::string> named_text(const ListWorld& world, std::optional<ListKind> kind,
                                                   std::string_view name) {
  if (name.starts_with('+')) name.remove_prefix(1);
  for (const ListKind each : kKinds) {
    const std::string* const text = !kind || *kind == each ? world.text(each, name) : nullptr;
    if (text == nullptr) continue;
    Writer writer(world, each);
    if (!writer.add(*text, 0)) return std::unexpected(fmt::format("the named list \"{}\" is too long", printable(name, 64)));
    return writer.take();
  }
  return std::unexpected(fmt::format("\"{}\" is not a {}named list", printable(name, 64),
                                     kind ? std::string(word_of(*kind)) + " " : std::string()));
}

}  // namespace postern::lists
