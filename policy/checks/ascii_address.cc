#include "policy/checks/ascii_address.h"

#include <algorithm>
#include <string>

#include "policy/expand/text_idna.h"

namespace postern::checks {

PeerText ascii_address(const PeerText& address) {
  const std::string_view text = address.view();
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return address;
  const std::size_t at = text.rfind('@');
  const std::size_t domain = at == std::string_view::npos ? 0 : at + 1;
  std::string made(text);
  std::string why;
  return expand::utf8_domain_to_alabel(made, domain, {}, why) ? PeerText(std::move(made)) : address;
}

}  // namespace postern::checks
