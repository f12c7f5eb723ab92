// Lookups as an expansion asks for them.
#include "policy/lookup/services.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/evaluate.h"

namespace postern::lookup {
namespace {

class Scene final : public expand::EvalContext, public expand::CompileServices, public expand::Services {
 public:
  Scene(Catalogue& catalogue, Lookups& lookups) : catalogue_(catalogue), lookups_(lookups) {}

  std::string_view variable(expand::VariableId, std::string&) const override { return {}; }
  expand::Services* services() const override { return const_cast<Scene*>(this); }
  std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    return lookup::find_lookup(catalogue_, written);
  }
  bool is_lookup_type(std::string_view type) override { return lookup::is_lookup_type(type); }
  std::expected<List, std::string> find_list(expand::ListKind, const expand::ConfigText&) override {
    return std::unexpected("no lists here");
  }
  bool is_named_list(std::string_view) override { return false; }
  std::optional<Answer> lookup_now(const expand::LookupQuestion& question) override {
    return lookup::lookup_now(lookups_, question);
  }
  Task<Answer> lookup(expand::LookupQuestion question) override { co_return co_await lookup::lookup(lookups_, question, {}); }

 private:
  Catalogue& catalogue_;
  Lookups& lookups_;
};

class LookupServicesTest : public ::testing::Test {
 public:
  LookupServicesTest() : scene_(catalogue_, lookups_) {
    std::string name = (std::filesystem::temp_directory_path() / "postern-lookup-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::ofstream(folder_ + "/f") << "alpha: one\n*.x.example: wild\n";
  }
  ~LookupServicesTest() override {
    Gate gate;
    gate.start(lookups_.close());
    scheduler_.run();
    std::filesystem::remove_all(folder_);
  }

  // @ stands for the folder.
  std::string expand(std::string text) {
    for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) text.replace(at, 1, folder_);
    std::string why;
    const auto program = expand::compile_or_why(expand::ConfigTextForTest::line(text), why, &scene_);
    if (!program) return "refused: " + why;
    std::string out;
    std::optional<expand::EvalResult> result;
    Gate gate;
    gate.start(go(*program, scene_, out, result));
    scheduler_.run();
    return *result ? out : "failed: " + result->why;
  }

  ManualScheduler scheduler_;
  Catalogue catalogue_{Settings{}};
  Lookups lookups_{catalogue_, World{.clock = &scheduler_.clock()}};
  Scene scene_;
  std::string folder_;

 private:
  static Task<void> go(const expand::Program& program, const Scene& scene, std::string& out,
                       std::optional<expand::EvalResult>& result) {
    result = co_await expand::evaluate_waiting(program, scene, out);
  }
};

TEST_F(LookupServicesTest, FormsOfTheItem) {
  EXPECT_EQ(expand("<${lookup{alpha}lsearch{@/f}}>"), "<one>");
  EXPECT_EQ(expand("<${lookup{alpha}lsearch{@/f}{got $value}{no}}>"), "<got one>");
  EXPECT_EQ(expand("<${lookup{beta}lsearch{@/f}{got $value}{no}}>"), "<no>");
  EXPECT_EQ(expand("<${lookup{beta}lsearch{@/f}}>"), "<>");
  EXPECT_EQ(expand("${lookup{ALPHA}lsearch,ret=full{@/f}}"), "alpha: one");
  EXPECT_EQ(expand("${lookup{a.x.example}partial-lsearch{@/f}}"), "wild");
  EXPECT_EQ(expand("${lookup{f}dsearch,filter=file{@}}"), "f");
  EXPECT_EQ(expand("${lookup{beta}lsearch{@/f}{$value}fail}"), "failed: \"lookup\" failed and \"fail\" requested");
}

TEST_F(LookupServicesTest, WhatIsWrong) {
  EXPECT_EQ(expand("${lookup{a}lserch{@/f}}").substr(0, 39), "refused: unknown lookup type \"lserch\": ");
  EXPECT_EQ(expand("${lookup{a}mysql{x}}").substr(0, 52), "refused: lookup type \"mysql\" cannot be used: it come");
  EXPECT_EQ(expand("${lookup{a}lsearch{/no/such}}"),
            "failed: failed to open /no/such for linear search: No such file or directory");
  EXPECT_EQ(expand("${lookup{a/b}dsearch{@}}"),
            "failed: lookup of \"a/b\" gave DEFER: key for dsearch lookup contains a slash: a/b");
  EXPECT_TRUE(is_lookup_type("mysql"));
  EXPECT_FALSE(is_lookup_type("lserch"));
}

}  // namespace
}  // namespace postern::lookup
