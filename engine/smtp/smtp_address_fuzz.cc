// Paths: what is accepted keeps its promises (limits, no controls, UTF-8 only where allowed) and reads back as itself.
#include <string>

#include "engine/base/check.h"
#include "engine/base/utf8.h"
#include "engine/smtp/address.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/fuzz_testing.h"

namespace {

using namespace postern;
using namespace postern::smtp;

AddressRules rules_from(std::uint8_t flags, std::uint8_t role) {
  return {.role = static_cast<AddressRole>(role % 3),
          .smtputf8 = (flags & 1) != 0,
          .allow_literals = (flags & 2) != 0,
          .allow_unqualified = (flags & 4) != 0,
          .allow_missing_brackets = (flags & 8) != 0,
          .allow_empty_atoms = (flags & 16) != 0,
          .strip_trailing_dot = (flags & 32) != 0,
          .limits = (flags & 64) != 0 ? kWideAddressLimits : AddressLimits{}};
}

void check_mailbox(const Mailbox& mailbox, const AddressRules& rules) {
  const std::string text = std::string(mailbox.local_part) + "@" + std::string(mailbox.domain);
  POSTERN_CHECK(mailbox.local_part.size() <= rules.limits.local_part_bytes_max);
  POSTERN_CHECK(mailbox.domain.size() <= rules.limits.domain_bytes_max);
  POSTERN_CHECK(text.size() + 2 <= rules.limits.path_bytes_max);
  POSTERN_CHECK(is_utf8(text));
  POSTERN_CHECK(mailbox.has_8bit == !is_ascii(text));
  POSTERN_CHECK(rules.smtputf8 || !mailbox.has_8bit);
  for (const char c : text) POSTERN_CHECK(!is(CharClass::control, c));
  POSTERN_CHECK(mailbox.is_literal == mailbox.domain.starts_with('['));
  POSTERN_CHECK(!mailbox.is_literal || (rules.allow_literals && literal_address(mailbox.domain)));
  POSTERN_CHECK(mailbox.is_literal || mailbox.domain.empty() || is_domain(mailbox.domain, rules.smtputf8));
  POSTERN_CHECK(!mailbox.domain.empty() || !mailbox.is_literal);
  POSTERN_CHECK(!mailbox.is_null() || rules.role == AddressRole::sender);
}

// Through Address and back, as sent and in the canonical form.
void check_round_trip(const Mailbox& mailbox, const AddressRules& rules) {
  const Address address(mailbox);
  POSTERN_CHECK(address.local_part_as_sent() == mailbox.local_part && address.domain() == mailbox.domain);
  POSTERN_CHECK(address.is_null() == mailbox.is_null());
  std::string path;
  append_path(path, address);
  const PathStep again = parse_path(path, rules);
  POSTERN_CHECK(again.error == AddressError::none && again.rest.empty());
  POSTERN_CHECK(again.mailbox.local_part == mailbox.local_part && again.mailbox.domain == mailbox.domain);
  if (address.is_null()) return;
  std::string canonical = "<";
  append_canonical(canonical, address);
  canonical += ">";
  // Quoting an odd local part can make it longer than the limit.
  AddressRules wide = rules;
  wide.limits = {.local_part_bytes_max = 1024, .domain_bytes_max = 1024, .path_bytes_max = 4096};
  wide.allow_unqualified = true;
  const PathStep meant = parse_path(canonical, wide);
  POSTERN_CHECK(meant.error == AddressError::none);
  POSTERN_CHECK(Address(meant.mailbox) == address);
  std::string wire;
  POSTERN_CHECK(append_local_part(wire, address.local_part()));
  std::string meaning;
  append_unquoted(meaning, wire);
  POSTERN_CHECK(meaning == address.local_part() || wire == address.local_part());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::FuzzInput input(data, size);
  const std::uint8_t flags = input.choice();
  const AddressRules rules = rules_from(flags, input.choice());
  const std::string text(input.rest());
  const PathStep step = parse_path(text, rules);
  if (step.error == AddressError::none) {
    POSTERN_CHECK(step.rest.empty() || is(CharClass::blank, step.rest.front()));
    check_mailbox(step.mailbox, rules);
    check_round_trip(step.mailbox, rules);
  } else {
    POSTERN_CHECK(std::string(step.before) + std::string(step.rest) == text);
    std::string reason;
    append_reason(reason, step, rules.role);
    POSTERN_CHECK(!reason.empty());
  }
  static_cast<void>(parse_address(text, rules));
  if (is_domain(text)) POSTERN_CHECK(is_helo_argument(text));
  static_cast<void>(is_helo_argument(text, "_"));
  std::string wire;
  if (append_local_part(wire, text)) {
    std::string meaning;
    append_unquoted(meaning, wire);
    POSTERN_CHECK(meaning == text);
  }
  return 0;
}
