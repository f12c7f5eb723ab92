#include "policy/acl/address_field.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::acl {
namespace {

TEST(AddressField, ReadsWhatPeopleWrite) {
  const struct {
    std::string_view value;
    std::vector<std::string> addresses;
    std::string_view why;
  } cases[] = {
      {" a@b.example", {"a@b.example"}, ""},
      {"A B <a@b.example>, \"c, d\" <c@d.example> (x, y <z>)", {"a@b.example", "c@d.example"}, ""},
      {"friends: a@b.example, C <c@d.example>; , e@f.example", {"a@b.example", "c@d.example", "e@f.example"}, ""},
      {"undisclosed-recipients:;", {}, ""},
      {"<>", {}, "missing or malformed local part"},
      {"", {}, ""},
      {"a@[192.0.2.1]", {"a@[192.0.2.1]"}, ""},
      {"\"a b\"@c.example", {"\"a b\"@c.example"}, ""},
      {"a@[IPv6:2001:db8::1], b@c.example", {"a@[IPv6:2001:db8::1]", "b@c.example"}, ""},
      {"<@x.example,@y.example:a@b.example>, c@d.example", {"a@b.example", "c@d.example"}, ""},
      {"@x.example:a@b.example", {"a@b.example"}, ""},
      {"friends: a@b.example", {"a@b.example"}, ""},
      {"a@b.example (open", {"a@b.example"}, ""},
      {".a..b.@c.example", {".a..b.@c.example"}, ""},
      {"\"open <a@b.example>", {}, "unmatched doublequote in local part"},
      {"A <a@b.example", {}, "'>' missing at end of address"},
      {"user", {}, "unqualified address not permitted"},
      {"A, B <a@b.example>", {}, "unqualified address not permitted"},
      {"a@b.example, c d@e.example", {"a@b.example"}, "missing or malformed local part (expected word or \"<\")"},
      {"<<a@b.example>>", {}, "missing or malformed local part"},
      {"@b.example", {}, "no local part"},
      {"a@", {}, "domain missing or malformed"},
      {"a@b..c", {}, "domain missing or malformed"},
      {"a@[1.2.3", {}, "malformed domain literal"},
      {"a@b.example; c@d.example", {}, "malformed address: ; c@d.example may not follow a@b.example"},
      {"A <a@b.example> <c@d.example>", {}, "malformed address: <c@d.example> may not follow A <a@b.example> "},
      {"a: b: c@d.example", {}, "missing or malformed local part (expected word or \"<\")"},
  };
  for (const auto& c : cases) {
    const AddressField field = read_address_field(c.value);
    EXPECT_EQ(field.why, c.why) << c.value;
    EXPECT_EQ(field.addresses, c.addresses) << c.value;
    for (std::size_t cut = 0; cut <= c.value.size(); ++cut) static_cast<void>(read_address_field(c.value.substr(0, cut)));
  }
}

}  // namespace
}  // namespace postern::acl
