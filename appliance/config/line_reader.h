// Physical lines to logical ones: comments, continuations, macros, conditionals and included files, in Exim's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/macros.h"
#include "appliance/config/reader_limits.h"
#include "appliance/config/text_maker.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/file_source.h"

namespace postern::config {

struct LogicalLine {
  expand::ConfigText text;      // without blanks at its ends; never empty, unless it begins a section
  bool begins_section = false;  // "begin NAME": text is NAME
};

class LineReader {
 public:
  // All references outlive the reader. Names go into `names`.
  LineReader(expand::FileSource& source, std::shared_ptr<expand::FileNames> names, Macros& macros, const ReaderLimits& limits,
             expand::Diagnostics& diagnostics);

  // The file to begin with. False, after an error, when it cannot be read.
  [[nodiscard]] bool open(const std::string& path);
  // Nothing at the end, or after an error that cannot be passed over.
  [[nodiscard]] std::optional<LogicalLine> next();

  // When `line` defines a macro ("NAME = value"), does so and returns true. Errors are reported.
  bool define_macro(const expand::ConfigText& line);

 private:
  struct OpenFile {
    std::string path;
    std::uint16_t id;
    std::string content;
    std::size_t at = 0;
    std::uint32_t line = 0;  // of the line read last
  };
  enum class Activity : std::uint8_t { active, skipping_to_else, skipping_to_end };
  struct Conditional {
    Activity outer;
    expand::Position opened_at;
    bool else_seen = false;
  };

  bool open_file(const std::string& path, const expand::Position& from, bool must_exist);
  [[nodiscard]] std::optional<std::string_view> next_physical();
  // Handles what a physical line asks for. Gives the text that belongs to the logical line; nothing when there is none.
  [[nodiscard]] std::optional<PhysicalLine> read_physical(std::string_view raw, bool begins_logical);
  [[nodiscard]] bool handle_conditional(const PhysicalLine& line, std::size_t at);
  void apply_conditional(std::string_view word, bool condition, const expand::Position& at);
  [[nodiscard]] bool handle_include(const PhysicalLine& line, std::size_t at);
  void append(TextMaker& maker, const PhysicalLine& line, std::size_t begin, std::size_t end);
  [[nodiscard]] expand::Position position(const PhysicalLine& line, std::size_t offset) const;
  [[nodiscard]] std::optional<LogicalLine> finish(expand::ConfigText text);
  void end_of_input();
  void give_up(const expand::Position& at, std::string message);

  expand::FileSource& source_;
  std::shared_ptr<expand::FileNames> names_;
  Macros& macros_;
  const ReaderLimits& limits_;
  expand::Diagnostics& diagnostics_;
  std::vector<OpenFile> files_;
  std::vector<Conditional> conditionals_;
  Activity activity_ = Activity::active;
  std::size_t files_opened_ = 0;
  std::size_t total_bytes_ = 0;
  bool gave_up_ = false;
};

}  // namespace postern::config
