#include "appliance/config/line_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "appliance/config/scan.h"
#include "engine/base/error.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"

namespace postern::config {

namespace {

using expand::ConfigText;
using expand::Position;

constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }

std::size_t end_without_space(std::string_view text) noexcept {
  std::size_t end = text.size();
  while (end > 0 && is_space(text[end - 1])) --end;
  return end;
}

// The name that a definition gives is not itself replaced: replacing begins at the "=".
std::size_t replace_from(std::string_view text, std::size_t start) noexcept {
  if (start >= text.size() || !is_upper(text[start])) return start;
  const std::size_t equals = skip_space(text, skip_name(text, start));
  return equals < text.size() && text[equals] == '=' ? equals : start;
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? std::string() : std::string(path.substr(0, slash + 1));
}

}  // namespace

LineReader::LineReader(expand::FileSource& source, std::shared_ptr<expand::FileNames> names, Macros& macros,
                       const ReaderLimits& limits, expand::Diagnostics& diagnostics)
    : source_(source), names_(std::move(names)), macros_(macros), limits_(limits), diagnostics_(diagnostics) {}

bool LineReader::open(const std::string& path) { return open_file(path, {path, 0, 0}, true); }

bool LineReader::open_file(const std::string& path, const Position& from, bool must_exist) {
  if (++files_opened_ > limits_.files_max) {
    give_up(from, fmt::format("more than {} files are included", limits_.files_max));
    return false;
  }
  Result<std::string> content = source_.read(path, limits_.file_bytes_max);
  if (!content) {
    if (must_exist || content.error().code != Errc::not_found)
      diagnostics_.error(from, fmt::format("cannot read {}: {}", printable(path, 256), describe(content.error())));
    return false;
  }
  files_.push_back({path, names_->add(path), std::move(*content)});
  if (files_.back().content.starts_with("\xef\xbb\xbf"))
    diagnostics_.error({path, 1, 1}, "the file begins with a byte order mark: save it as plain UTF-8 without one");
  return true;
}

void LineReader::give_up(const Position& at, std::string message) {
  diagnostics_.error(at, std::move(message));
  gave_up_ = true;
}

std::optional<std::string_view> LineReader::next_physical() {
  while (!files_.empty() && files_.back().at >= files_.back().content.size()) {
    if (files_.size() == 1) return std::nullopt;
    files_.pop_back();
  }
  if (files_.empty()) return std::nullopt;
  OpenFile& file = files_.back();
  ++file.line;
  const std::size_t end = std::min(file.content.find('\n', file.at), file.content.size());
  const std::string_view line = std::string_view(file.content).substr(file.at, end - file.at);
  file.at = end + 1;
  return line;
}

Position LineReader::position(const PhysicalLine& line, std::size_t offset) const {
  return {names_->at(files_.back().id), files_.back().line, line.column(offset)};
}

std::optional<LogicalLine> LineReader::next() {
  TextMaker maker(names_);
  bool begun = false;
  while (!gave_up_) {
    const std::optional<std::string_view> raw = next_physical();
    if (!raw) {
      end_of_input();
      break;
    }
    const std::optional<PhysicalLine> line = read_physical(*raw, !begun);
    if (!line) continue;
    const std::size_t begin = skip_space(line->view(), 0);
    const std::size_t end = end_without_space(line->view());
    append(maker, *line, begin, std::max(begin, end));
    // As in Exim, an empty line ends what a backslash continued, and takes the blanks off its end.
    const std::size_t kept = end_without_space(maker.text().view());
    if (kept < maker.text().size()) maker.cut(kept);
    begun = kept > 0;
    if (!begun) continue;
    if (maker.text().size() > limits_.line_bytes_max) {
      give_up(maker.text().position(), fmt::format("this line has more than {} bytes", limits_.line_bytes_max));
      break;
    }
    if (maker.text().view().back() != '\\') return finish(maker.take());
    maker.cut(maker.text().size() - 1);
    begun = !maker.text().empty();
  }
  if (gave_up_ || maker.text().empty()) return std::nullopt;
  return finish(maker.take());
}

void LineReader::append(TextMaker& maker, const PhysicalLine& line, std::size_t begin, std::size_t end) {
  const OpenFile& file = files_.back();
  std::size_t at = begin;
  if (at == end) maker.add({}, file.id, file.line, line.column(at));
  while (at < end) {
    std::size_t next = at + 1;
    const bool fixed = next < end && line.column(next) == line.column(at);
    while (next < end && line.column(next) == line.column(at) + (fixed ? 0 : next - at)) ++next;
    maker.add(line.view().substr(at, next - at), file.id, file.line, line.column(at), fixed);
    at = next;
  }
}

std::optional<PhysicalLine> LineReader::read_physical(std::string_view raw, bool begins_logical) {
  PhysicalLine line(raw);
  if (raw.find('\0') != raw.npos) {
    diagnostics_.error(position(line, raw.find('\0')), "a NUL byte: configuration files are text");
    return std::nullopt;
  }
  const std::size_t start = skip_space(raw, 0);
  if (!macros_.replace_in(line, begins_logical ? replace_from(raw, start) : start, limits_.line_bytes_max)) {
    give_up(position(line, start),
            fmt::format("with its macros replaced this line has more than {} bytes", limits_.line_bytes_max));
    return std::nullopt;
  }
  const std::size_t at = skip_space(line.view(), start);
  if (at < line.view().size() && line.view()[at] == '#') return std::nullopt;
  if (handle_conditional(line, at)) return std::nullopt;
  if (activity_ != Activity::active) return std::nullopt;
  if (handle_include(line, at)) return std::nullopt;
  return line;
}

bool LineReader::handle_conditional(const PhysicalLine& line, std::size_t at) {
  const std::string_view text = line.view().substr(at);
  if (!text.starts_with('.')) return false;
  const std::size_t end = skip_name(text, 1);
  const std::string_view word = text.substr(0, end);
  static constexpr std::string_view kConditionals[] = {".ifdef", ".ifndef", ".elifdef", ".elifndef", ".else", ".endif"};
  if (std::ranges::find(kConditionals, word) == std::end(kConditionals)) return false;
  bool condition = line.was_changed();
  for (std::size_t i = end; i < text.size() && !condition;) {
    const std::size_t name_end = skip_name(text, i);
    condition = name_end > i && is_built_in_macro(text.substr(i, name_end - i));
    i = std::max(name_end, i + 1);
  }
  apply_conditional(word, condition != word.ends_with("ndef"), position(line, at));
  return true;
}

void LineReader::apply_conditional(std::string_view word, bool condition, const Position& at) {
  if (word.starts_with(".if")) {
    if (conditionals_.size() >= limits_.conditional_depth_max)
      return give_up(at, fmt::format("more than {} nested conditionals", limits_.conditional_depth_max));
    conditionals_.push_back({activity_, at});
    if (activity_ == Activity::active) {
      if (!condition) activity_ = Activity::skipping_to_else;
    } else {
      activity_ = Activity::skipping_to_end;
    }
    return;
  }
  if (conditionals_.empty()) return diagnostics_.error(at, fmt::format("\"{}\" without .ifdef or .ifndef before it", word));
  if (word == ".endif") {
    activity_ = conditionals_.back().outer;
    conditionals_.pop_back();
    return;
  }
  if (std::exchange(conditionals_.back().else_seen, word == ".else"))
    diagnostics_.error(at, fmt::format("\"{}\" behind .else: .endif is missing", word));
  if (activity_ == Activity::active) {
    activity_ = Activity::skipping_to_end;
  } else if (activity_ == Activity::skipping_to_else && (word == ".else" || condition)) {
    activity_ = Activity::active;
  }
}

bool LineReader::handle_include(const PhysicalLine& line, std::size_t at) {
  const std::string_view text = line.view().substr(at);
  if (!text.starts_with('.')) return false;
  const std::size_t end = skip_name(text, 1);
  const std::string_view word = text.substr(0, end);
  if (word != ".include" && word != ".include_if_exists") return false;
  const bool must_exist = word == ".include";
  std::size_t name_at = skip_space(text, end);
  std::string_view name = text.substr(name_at, end_without_space(text) - std::min(name_at, end_without_space(text)));
  if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
  const Position where = position(line, at + name_at);
  if (name.empty()) {
    diagnostics_.error(where, fmt::format("the name of a file is missing after {}", word));
  } else if (!name.starts_with('/') && !must_exist) {
    diagnostics_.error(where, ".include_if_exists needs an absolute file name, beginning with /");
  } else if (files_.size() > limits_.include_depth_max) {
    give_up(where, fmt::format("files are included more than {} deep: does {} include itself?", limits_.include_depth_max,
                               printable(name, 256)));
  } else {
    const std::string path = name.starts_with('/') ? std::string(name) : directory_of(files_.back().path).append(name);
    open_file(path, where, must_exist);
  }
  return true;
}

std::optional<LogicalLine> LineReader::finish(ConfigText text) {
  total_bytes_ += text.size();
  if (total_bytes_ > limits_.total_bytes_max) {
    give_up(text.position(),
            fmt::format("the configuration has more than {} bytes with its macros replaced", limits_.total_bytes_max));
    return std::nullopt;
  }
  const std::string_view view = text.view();
  if (!smtp::starts_with_ignoring_case(view, "begin ")) return LogicalLine{std::move(text), false};
  const std::size_t at = skip_space(view, 6);
  return LogicalLine{text.slice(at), true};
}

void LineReader::end_of_input() {
  for (const Conditional& open : conditionals_) diagnostics_.error(open.opened_at, ".endif is missing for this line");
  conditionals_.clear();
}

bool LineReader::define_macro(const ConfigText& line) {
  const std::string_view text = line.view();
  if (text.empty() || !is_upper(text.front())) return false;
  const std::size_t name_end = skip_name(text, 0);
  std::size_t at = skip_space(text, name_end);
  if (at >= text.size() || text[at] != '=') return false;
  ++at;
  const bool redefine = at < text.size() && text[at] == '=';
  if (redefine) ++at;
  const std::string wrong = macros_.define(text.substr(0, name_end), text.substr(skip_space(text, at)), redefine);
  if (!wrong.empty()) diagnostics_.error(line.position(), wrong);
  return true;
}

}  // namespace postern::config
