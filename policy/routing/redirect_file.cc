#include "policy/routing/redirect_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/base/peer_text.h"
#include "policy/expand/text_extract.h"
#include "policy/routing/redirect_data.h"

namespace postern::routing {

namespace {

using expand::Answer;
using expand::FileQuestion;
using Status = RedirectText::Status;

RedirectText fails(std::string why) { return {.status = Status::failed, .why = std::move(why)}; }

Task<Answer> ask(expand::Services& services, FileQuestion::Kind kind, const std::string& path) {
  const FileQuestion question{.kind = kind, .path = path, .bytes_max = kRedirectFileBytesMax};
  if (std::optional<Answer> known = services.file_now(question)) co_return std::move(*known);
  co_return co_await services.file(question);
}

bool is_found(const Answer& answer) { return answer.status == Answer::Status::found; }

// What ${stat:} says of a file.
class Facts {
 public:
  explicit Facts(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] std::uint64_t number(std::string_view key, int base = 10) const {
    std::string value;
    std::uint64_t number = 0;
    if (expand::extract_key(key, text_, value)) std::from_chars(value.data(), value.data() + value.size(), number, base);
    return number;
  }
  [[nodiscard]] bool is_regular() const {
    std::string mode;
    return expand::extract_key("smode", text_, mode) && mode.starts_with('-');
  }

 private:
  std::string text_;
};

bool is_among(const std::vector<std::uint32_t>& allowed, std::uint64_t id) {
  return std::ranges::find(allowed, id) != allowed.end();
}

// Nothing: it may be believed.
std::optional<std::string> what_is_wrong(const RedirectFileRules& rules, const std::string& name, const Facts& facts) {
  if (!facts.is_regular()) return name + " is not a regular file";
  const std::uint64_t mode = facts.number("mode", 8);
  if ((mode & rules.mode_mask) != 0)
    return fmt::format("bad mode (0100{:03o}) for {}: 0{:o} bit(s) unexpected", mode, name, mode & rules.mode_mask);
  if (rules.check_owner.value_or(!rules.owners.empty()) && !is_among(rules.owners, facts.number("uid")))
    return "bad owner for " + name;
  if (rules.check_group.value_or(!rules.groups.empty()) && !is_among(rules.groups, facts.number("gid")))
    return "bad group for " + name;
  if (facts.number("size") > kRedirectFileBytesMax) return fmt::format("{} is too big (max {})", name, kRedirectFileBytesMax);
  return std::nullopt;
}

// It is not there. Where its directory is not there either, somebody may have forgotten to mount it.
Task<RedirectText> missing(const RedirectFileRules& rules, std::string path, expand::Services& services) {
  const std::string directory = path.substr(0, path.rfind('/')) + "/.";
  const Answer answer = co_await ask(services, FileQuestion::Kind::exists, directory);
  if (is_found(answer) || rules.ignore_missing_directories) co_return RedirectText{.status = Status::absent};
  co_return fails(fmt::format("failed to stat {} ({})", printable(directory, 512), std::strerror(ENOENT)));
}

}  // namespace

Task<RedirectText> read_redirect_file(const RedirectFileRules& rules, std::string path, expand::Services* services) {
  const std::string name = printable(path, 512);
  if (!path.starts_with('/')) co_return fails(fmt::format("\"{}\" is not an absolute path", name));
  if (services == nullptr) co_return fails("files cannot be read here");
  Answer content = co_await ask(*services, FileQuestion::Kind::content, path);
  const int number = is_found(content) ? 0 : content.code;
  if (number == ENOENT) co_return co_await missing(rules, std::move(path), *services);
  const bool is_ignored = (number == EACCES && rules.ignore_denied) || (number == ENOTDIR && rules.ignore_missing_directories);
  if (is_ignored) co_return RedirectText{.status = Status::absent};
  if (number != 0) co_return fails(fmt::format("failed to open {}: {}", name, std::strerror(number)));
  Answer facts = co_await ask(*services, FileQuestion::Kind::facts, path);
  if (!is_found(facts)) co_return fails(std::move(facts.why));
  if (auto wrong = what_is_wrong(rules, name, Facts(std::move(facts.value)))) co_return fails(std::move(*wrong));
  if (!is_found(content)) co_return fails(std::move(content.why));
  co_return RedirectText{.status = Status::found, .text = std::move(content.value)};
}

Task<RedirectText> read_included_file(std::string path, expand::Services* services) {
  if (services == nullptr) co_return fails("files cannot be read here");
  Answer content = co_await ask(*services, FileQuestion::Kind::content, path);
  if (is_found(content)) co_return RedirectText{.status = Status::found, .text = std::move(content.value)};
  if (content.code != 0)
    co_return fails(fmt::format("failed to open included file {}: {}", printable(path, 512), std::strerror(content.code)));
  co_return fails(fmt::format("included file {}: {}", printable(path, 512), content.why));
}

}  // namespace postern::routing
