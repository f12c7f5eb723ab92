#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "policy/psl/public_suffix_list.h"

namespace postern::psl {
namespace {

constexpr const char* kDebianList = "/usr/share/publicsuffix/public_suffix_list.dat";

std::shared_ptr<const PublicSuffixList> list_of(std::string_view text) {
  std::string error;
  auto list = PublicSuffixList::read(text, error);
  EXPECT_TRUE(list) << error;
  return list;
}

struct Vector {
  std::string line;
  std::string domain;
  std::string registrable;  // empty: none
};

// "checkPublicSuffix('domain', 'registrable');" with null for none. The vector of a null domain has no meaning in this
// language.
std::vector<Vector> read_vectors() {
  const std::string root = std::getenv("POSTERN_SOURCE_DIR") != nullptr ? std::getenv("POSTERN_SOURCE_DIR") : ".";
  std::ifstream file(root + "/tests/conformance/psl/test_psl.txt");
  std::vector<Vector> vectors;
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kCall = "checkPublicSuffix(";
    if (!line.starts_with(kCall)) continue;
    std::vector<std::string> arguments;
    std::istringstream words(line.substr(kCall.size(), line.rfind(')') - kCall.size()));
    for (std::string word; words >> word;) {
      if (word.ends_with(',')) word.pop_back();
      arguments.push_back(word == "null" ? std::string() : word.substr(1, word.size() - 2));
    }
    EXPECT_EQ(arguments.size(), 2U) << line;
    if (line.starts_with("checkPublicSuffix(null,")) continue;
    vectors.push_back({line, arguments.at(0), arguments.at(1)});
  }
  return vectors;
}

TEST(PublicSuffixListTest, AllVectorsOfTheListsOwners) {
  std::string error;
  const auto list = PublicSuffixList::load(kDebianList, error);
  ASSERT_TRUE(list) << error;
  const std::vector<Vector> vectors = read_vectors();
  EXPECT_EQ(vectors.size(), 77U);
  for (const Vector& vector : vectors)
    EXPECT_EQ(list->registrable(vector.domain).value_or(""), vector.registrable) << vector.line;
}

TEST(PublicSuffixListTest, TheOrganisationalDomainOfASuffixIsItself) {
  const auto list = list_of("com\nuk\nco.uk\n*.ck\n!www.ck\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->organisational("a.b.Example.CO.UK."), "example.co.uk");
  EXPECT_EQ(list->organisational("co.uk"), "co.uk");
  EXPECT_EQ(list->organisational("com"), "com");
  EXPECT_EQ(list->organisational("a.unlisted"), "a.unlisted");
  EXPECT_EQ(list->organisational("x.www.ck"), "www.ck");
  EXPECT_EQ(list->organisational(""), "");
}

TEST(PublicSuffixListTest, WhatIsNoNameHasNoRegistrableDomain) {
  const auto list = list_of("com\n");
  ASSERT_TRUE(list);
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, ".com"sv, "example.com.."sv, "a\0.com"sv})
    EXPECT_FALSE(list->registrable(name)) << name;
  EXPECT_FALSE(list->registrable(std::string(PublicSuffixList::kNameBytesMax, 'a') + ".com"));
}

TEST(PublicSuffixListTest, BothFormsOfInternationalNames) {
  const auto list = list_of("// a comment\ncn\n公司.cn\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->registrable("www.食狮.公司.cn"), "食狮.公司.cn");
  EXPECT_EQ(list->registrable("www.xn--85x722f.XN--55QX5D.cn"), "xn--85x722f.xn--55qx5d.cn");
}

TEST(PublicSuffixListTest, AFileThatIsNoneIsSaid) {
  std::string error;
  EXPECT_FALSE(PublicSuffixList::load("/nonexistent/list", error));
  EXPECT_EQ(error,
            "dmarc_tld_file: /nonexistent/list: No such file or directory; the package publicsuffix has the list as "
            "/usr/share/publicsuffix/public_suffix_list.dat");
  EXPECT_FALSE(PublicSuffixList::load("/", error));
  EXPECT_NE(error.find("is no file"), std::string::npos) << error;
  const std::string empty = testing::TempDir() + "/no_public_suffix_list";
  std::ofstream(empty) << "// nothing but a comment\n";
  EXPECT_FALSE(PublicSuffixList::load(empty, error));
  EXPECT_NE(error.find("holds no public suffix list"), std::string::npos) << error;
  std::filesystem::remove(empty);
  EXPECT_FALSE(PublicSuffixList::read("", error));
}

}  // namespace
}  // namespace postern::psl
