#include "policy/lookup/written.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace postern::lookup {
namespace {

std::string why_not(std::string_view text, Place place = Place::expansion) {
  const auto written = parse_written(text, place);
  return written ? "" : written.error();
}

TEST(Written, NamesAlone) {
  for (const TypeDef& type : all_types()) {
    const auto written = parse_written(type.name);
    EXPECT_EQ(written.has_value(), type.not_built.empty()) << type.name;
    if (written)
      EXPECT_EQ(written->type, &type);
    else
      EXPECT_NE(written.error().find(type.not_built), std::string::npos);
  }
  EXPECT_FALSE(parse_written(""));
  EXPECT_FALSE(parse_written("LSEARCH"));
}

TEST(Written, PrefixesAndSuffixes) {
  const auto plain = parse_written("partial-lsearch*@").value();
  EXPECT_EQ(plain.partial, (Partial{2, "*."}));
  EXPECT_EQ(plain.fallback, Default::star_at);
  EXPECT_EQ(parse_written("partial3-cdb*")->partial, (Partial{3, "*."}));
  EXPECT_EQ(parse_written("partial3-cdb*")->fallback, Default::star);
  EXPECT_EQ(parse_written("partial(.)lsearch")->partial, (Partial{2, "."}));
  EXPECT_EQ(parse_written("partial0()lsearch")->partial, (Partial{0, ""}));
  EXPECT_EQ(parse_written("net-iplsearch", Place::host_list)->net_bits, 0U);
  EXPECT_EQ(parse_written("net24-lsearch", Place::host_list)->net_bits, 24U);
  EXPECT_FALSE(parse_written("lsearch", Place::host_list)->net_bits);
}

TEST(Written, Options) {
  EXPECT_EQ(parse_written("lsearch,ret=full")->returns, Return::full);
  EXPECT_EQ(parse_written("cdb,ret=key")->returns, Return::key);
  EXPECT_FALSE(parse_written("lsearch,cache=no_rd")->reads_cache);
  const auto directory = parse_written("dsearch,ret=full,filter=subdir,key=path").value();
  EXPECT_EQ(directory.returns, Return::full);
  EXPECT_EQ(directory.filter, Filter::subdir);
  EXPECT_TRUE(directory.key_may_be_path);
  EXPECT_EQ(parse_written("sqlite,file=/var/x.db")->file, "/var/x.db");
  EXPECT_EQ(parse_written("redis,servers=127.0.0.1:6380//")->servers, "127.0.0.1:6380//");
  EXPECT_TRUE(parse_written("lsearch,"));
}

TEST(Written, Refusals) {
  EXPECT_EQ(why_not("lserch"), "unknown lookup type \"lserch\": did you mean \"lsearch\"?");
  EXPECT_EQ(why_not("partial(x-lsearch"), "format error in lookup type \"partial(x-lsearch\"");
  EXPECT_EQ(why_not("partial3lsearch"), "format error in lookup type \"partial3lsearch\"");
  EXPECT_EQ(why_not("partial(ab)lsearch"), "format error in lookup type \"partial(ab)lsearch\"");
  EXPECT_EQ(why_not("partial99999999999-lsearch"), "format error in lookup type \"partial99999999999-lsearch\"");
  EXPECT_EQ(why_not("partial(.)-lsearch"), "unknown lookup type \"-lsearch\": did you mean \"lsearch\"?");
  EXPECT_EQ(why_not("partial-sqlite"), "partial matching is not available for \"sqlite\" lookups");
  EXPECT_EQ(why_not("redis*"), "defaults using \"*\" or \"*@\" are not available for \"redis\" lookups");
  EXPECT_EQ(why_not("net-lsearch"), "unknown lookup type \"net-lsearch\"");
  EXPECT_FALSE(why_not("net129-lsearch", Place::host_list).empty());
  EXPECT_EQ(why_not("lsearch,rte=full"), "unknown option \"rte\" of lookup type \"lsearch\": did you mean \"ret\"?");
  EXPECT_EQ(why_not("lsearch,ret=fu"), "lookup option ret=fu: it takes full or key");
  EXPECT_EQ(why_not("dsearch,filter=x"), "lookup option filter=x: it takes file, dir or subdir");
  EXPECT_EQ(why_not("sqlite,file=x.db"), "lookup option file=x.db: it takes an absolute file name");
  EXPECT_EQ(why_not("lsearch,file=/x"), "unknown option \"file\" of lookup type \"lsearch\"");
  EXPECT_NE(why_not("mysql").find("not built"), std::string::npos);
  EXPECT_FALSE(why_not(std::string(5000, 'a')).empty());
}

TEST(Written, EveryBeginningOfOneIsReadOrRefused) {
  constexpr std::string_view kAll = "net24-partial12(.)lsearch*@,ret=full,cache=no_rd";
  for (std::size_t size = 0; size <= kAll.size(); ++size) {
    const auto written = parse_written(kAll.substr(0, size), Place::host_list);
    EXPECT_TRUE(written || !written.error().empty());
  }
  EXPECT_TRUE(parse_written(kAll, Place::host_list));
}

}  // namespace
}  // namespace postern::lookup
