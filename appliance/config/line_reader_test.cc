#include "appliance/config/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "appliance/config/load.h"

namespace postern::config {
namespace {

struct Read {
  std::string lines;       // "[line:column]text|", with "begin " in front of sections
  std::string complaints;  // format_diagnostics
};

class Reader : public ::testing::Test {
 protected:
  Read read(std::string_view text) {
    files_.put("/d/c", std::string(text));
    Read result;
    Macros macros(limits_.macros_max);
    for (const auto& [name, value] : from_command_line_) macros.define_from_command_line(name, value);
    expand::Diagnostics diagnostics;
    auto names = std::make_shared<expand::FileNames>();
    LineReader reader(files_, names, macros, limits_, diagnostics);
    if (reader.open("/d/c")) {
      while (const auto line = reader.next()) {
        if (!line->begins_section && reader.define_macro(line->text)) continue;
        const expand::Position at = line->text.position();
        result.lines += "[" + std::to_string(at.line) + ":" + std::to_string(at.column) + "]" +
                        (line->begins_section ? "begin " : "") + std::string(line->text.view()) + "|";
      }
    }
    result.complaints = format_diagnostics(diagnostics.take());
    return result;
  }
  std::string lines(std::string_view text) {
    const Read result = read(text);
    EXPECT_EQ(result.complaints, "") << text;
    return result.lines;
  }

  expand::MemoryFileSource files_;
  ReaderLimits limits_;
  std::vector<std::pair<std::string, std::string>> from_command_line_;
};

TEST_F(Reader, CommentsBlanksAndContinuations) {
  const struct {
    std::string_view text;
    std::string_view lines;
  } cases[] = {
      {"", ""},
      {"\n\n  \n", ""},
      {"a = 1\n", "[1:1]a = 1|"},
      {"  a = 1  \t\r\n", "[1:3]a = 1|"},
      {"# c\n  # d\na # no comment", "[3:1]a # no comment|"},
      {"a = \\\n  b\\\n  c\n", "[1:1]a = bc|"},
      {"a = \\  \n b", "[1:1]a = b|"},
      {"a : \\\n# in between\n   # and here\n  b", "[1:1]a : b|"},
      {"a \\\n\nb", "[1:1]a|[3:1]b|"},  // an empty line ends it
      {"a \\", "[1:1]a |"},
      {"\\\na", "[2:1]a|"},
      {"\\\n\\\n", ""},
      {"a\\\\\nb", "[1:1]a\\b|"},
      {"begin acl\nx:", "[1:7]begin acl|[2:1]x:|"},
      {"BEGIN   Routers  ", "[1:9]begin Routers|"},
      {"begin", "[1:1]begin|"},
  };
  for (const auto& c : cases) EXPECT_EQ(lines(c.text), c.lines) << c.text;
}

TEST_F(Reader, Macros) {
  const struct {
    std::string_view text;
    std::string_view lines;
  } cases[] = {
      {"A = x\na = A B A", "[2:1]a = x B x|"},
      {"A = x y \n  z = A.", "[2:3]z = x y.|"},
      {"ABC = 1\nAB = 2\nv = ABC AB ABCD", "[3:1]v = 1 2 1D|"},
      {"A = B\nB = c\nv = A", "[3:1]v = c|"},  // later macros see what earlier ones put in
      {"B = c\nA = B\nv = A", "[3:1]v = c|"},  // a value is replaced where it is written
      {"A = xAx\nv = A", "[2:1]v = xAx|"},     // what was put in is not searched again
      {"A = 1\nA == 2\nv = A", "[3:1]v = 2|"},
      {"A = 1\nA == A and more\nv = A", "[3:1]v = 1 and more|"},
      {"A = \\\n  1 \\\n  2\nv = A", "[4:1]v = 1 2|"},
      {"A =\nA\nb", "[3:1]b|"},              // an empty one leaves an empty line
      {"A = #\nA a comment\nb", "[3:1]b|"},  // and one may make a comment
      {"A_1 = x\nv = A_1A_1", "[2:1]v = xx|"},
      {"A = \"q\"\nv = A", "[2:1]v = \"q\"|"},
  };
  for (const auto& c : cases) EXPECT_EQ(lines(c.text), c.lines) << c.text;
}

TEST_F(Reader, MacrosThatAreThereFromTheStart) {
  const std::string signed_names = lines("v = _DKIM_SIGN_HEADERS:=X");
  EXPECT_TRUE(signed_names.starts_with("[1:1]v = From:Sender:Reply-To:")) << signed_names;
  EXPECT_TRUE(signed_names.ends_with(":List-Archive:=X|")) << signed_names;
  const std::string oversigned = lines("v = _DKIM_OVERSIGN_HEADERS");
  EXPECT_TRUE(oversigned.starts_with("[1:1]v = +From:+Sender:+Reply-To:")) << oversigned;
  EXPECT_TRUE(oversigned.ends_with(":+List-Archive|")) << oversigned;
  EXPECT_EQ(lines(".ifdef _DKIM_SIGN_HEADERS\na\n.endif"), "[2:1]a|");
}

TEST_F(Reader, MacrosOfTheCommandLineWin) {
  from_command_line_ = {{"A", "mine"}};
  EXPECT_EQ(lines("A = theirs\nA == theirs\nv = A"), "[3:1]v = mine|");
}

TEST_F(Reader, PlacesSurviveMacrosAndContinuations) {
  files_.put("/d/c", "A = 1234567890\nx A y \\\n  z A");
  Macros macros(10);
  expand::Diagnostics diagnostics;
  auto names = std::make_shared<expand::FileNames>();
  LineReader reader(files_, names, macros, limits_, diagnostics);
  ASSERT_TRUE(reader.open("/d/c"));
  ASSERT_TRUE(reader.define_macro(reader.next()->text));
  const expand::ConfigText text = reader.next()->text;
  ASSERT_EQ(text.view(), "x 1234567890 y z 1234567890");
  const struct {
    std::size_t offset;
    std::uint32_t line;
    std::uint32_t column;
  } cases[] = {{0, 2, 1}, {2, 2, 3}, {11, 2, 3}, {13, 2, 5}, {15, 3, 3}, {17, 3, 5}, {26, 3, 5}};
  for (const auto& c : cases) {
    EXPECT_EQ(text.position(c.offset).line, c.line) << c.offset;
    EXPECT_EQ(text.position(c.offset).column, c.column) << c.offset;
    EXPECT_EQ(text.position(c.offset).file, "/d/c");
  }
}

TEST_F(Reader, WrongMacros) {
  const struct {
    std::string_view text;
    std::string_view complaint;
  } cases[] = {
      {"A = 1\nA = 2", "/d/c:2:1: the macro \"A\" is defined already: \"==\" gives it another value\n"},
      {"A == 1", "/d/c:1:1: \"==\" redefines a macro, and \"A\" has not been defined: write \"=\"\n"},
      {"AB = 1\nXAB = 2",
       "/d/c:2:1: \"XAB\" cannot be the name of a macro: it contains \"AB\", which was defined before and would be replaced\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(read(c.text).complaints, c.complaint) << c.text;
}

TEST_F(Reader, Conditionals) {
  const struct {
    std::string_view text;
    std::string_view lines;
  } cases[] = {
      {"A = 1\n.ifdef A\nyes\n.else\nno\n.endif\nend", "[3:1]yes|[7:1]end|"},
      {".ifdef A\nyes\n.else\nno\n.endif\nend", "[4:1]no|[6:1]end|"},
      {"A = 1\n.ifndef A\nyes\n.else\nno\n.endif", "[5:1]no|"},
      {"B = 1\n.ifdef A\na\n.elifdef B\nb\n.elifdef B\nc\n.else\nd\n.endif", "[5:1]b|"},
      {"B = 1\n.ifdef B\na\n.elifdef B\nb\n.else\nd\n.endif", "[3:1]a|"},
      {".ifdef A\na\n.elifndef B\nb\n.endif", "[4:1]b|"},
      {"A = 1\n.ifdef X\n.ifdef A\na\n.else\nb\n.endif\n.else\n.ifdef A\nc\n.endif\n.endif", "[10:1]c|"},
      {"A = 1\n.ifdef X or A\nyes\n.endif", "[3:1]yes|"},
      {"AB = 1\n.ifdef XABX\nyes\n.endif text\n", "[3:1]yes|"},
      {"  .ifdef A\n no\n  .endif trailing", ""},
      {".ifdef _OPT_MAIN_SMTP_BANNER\nyes\n.endif\n.ifdef _OPT_MAIN_TLS_CERTIFICATE\nno\n.endif", "[2:1]yes|"},
      {".ifdef _DRIVER_ROUTER_MANUALROUTE\na\n.endif\n.ifdef _DRIVER_ROUTER_IPLOOKUP\nb\n.endif", "[2:1]a|"},
      {".ifdef _HAVE_SRS\nyes\n.endif\n.ifdef _HAVE_SPF\nno\n.endif", "[2:1]yes|"},
      {".ifndef _OPT_MAIN_NOTHING\nyes\n.endif", "[2:1]yes|"},
      {"a \\\n.ifdef A\n  no \\\n.else\n  b \\\n.endif\n c", "[1:1]a b c|"},
      {".ifdefx\n", "[1:1].ifdefx|"},
  };
  for (const auto& c : cases) EXPECT_EQ(lines(c.text), c.lines) << c.text;
  EXPECT_EQ(read(".else").complaints, "/d/c:1:1: \".else\" without .ifdef or .ifndef before it\n");
  EXPECT_EQ(read("x\n  .ifdef A\n.ifdef B\n.endif").complaints, "/d/c:2:3: .endif is missing for this line\n");
  EXPECT_EQ(read(".ifdef A\n.else\n.else\n.endif").complaints, "/d/c:3:1: \".else\" behind .else: .endif is missing\n");
}

TEST_F(Reader, Includes) {
  files_.put("/d/rel", "r1\nr2 \\");
  files_.put("/e/abs", "a1\n.include rel2\n");
  files_.put("/e/rel2", "below\n");
  files_.put("/d/inside", "  b : \\\n");
  EXPECT_EQ(lines(".include rel\nnext"), "[1:1]r1|[2:1]r2 next|");
  EXPECT_EQ(lines(".include /e/abs\n.include \"/e/abs\"\n"), "[1:1]a1|[1:1]below|[1:1]a1|[1:1]below|");
  EXPECT_EQ(lines("a = \\\n  .include /d/inside\n  c"), "[1:1]a = b : c|");
  EXPECT_EQ(lines("D = /e\n.include D/rel2"), "[1:1]below|");
  EXPECT_EQ(lines(".include_if_exists /nowhere\nx"), "[2:1]x|");
  EXPECT_EQ(lines(".ifdef A\n.include /nowhere\n.endif"), "");
  EXPECT_EQ(read("  .include /nowhere\nx").complaints, "/d/c:1:12: cannot read /nowhere: open: not found\n");
  EXPECT_EQ(read(".include_if_exists x").complaints,
            "/d/c:1:20: .include_if_exists needs an absolute file name, beginning with /\n");
  EXPECT_EQ(read(".include").complaints, "/d/c:1:9: the name of a file is missing after .include\n");
}

TEST_F(Reader, Limits) {
  files_.put("/d/self", ".include self\n");
  EXPECT_EQ(read(".include self").complaints,
            "/d/self:1:10: files are included more than 32 deep: does self include itself?\n");
  limits_.line_bytes_max = 20;
  EXPECT_EQ(read("A = 1234567890\nx = A A").complaints,
            "/d/c:2:1: with its macros replaced this line has more than 20 bytes\n");
  EXPECT_EQ(read("a 1234567890 \\\n1234567890").complaints, "/d/c:1:1: this line has more than 20 bytes\n");
  limits_.total_bytes_max = 10;
  EXPECT_EQ(read("12345\n67890\n1").complaints,
            "/d/c:3:1: the configuration has more than 10 bytes with its macros replaced\n");
  limits_.files_max = 3;
  files_.put("/d/e", "");
  EXPECT_EQ(read(".include e\n.include e\n.include e").complaints, "/d/c:3:10: more than 3 files are included\n");
  limits_.conditional_depth_max = 1;
  EXPECT_EQ(read(".ifdef A\n.ifdef B\n.endif\n.endif").complaints, "/d/c:2:1: more than 1 nested conditionals\n");
  limits_.file_bytes_max = 3;
  EXPECT_EQ(read("abcd").complaints, "/d/c: cannot read /d/c: read: over its limit\n");
}

TEST_F(Reader, StrangeBytes) {
  EXPECT_EQ(read("\xef\xbb\xbf# c\n").complaints,
            "/d/c:1:1: the file begins with a byte order mark: save it as plain UTF-8 without one\n");
  EXPECT_EQ(read(std::string_view("a\0b", 3)).complaints, "/d/c:1:2: a NUL byte: configuration files are text\n");
}

}  // namespace
}  // namespace postern::config
