// PROXY headers: any bytes are cut everywhere and always judged alike; and a header of each version made from the same facts
// tells the same.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "net/proxy/header.h"
#include "net/proxy/header_testing.h"

namespace {

using namespace postern;
using namespace postern::proxy;

void check_any(std::string_view bytes) {
  Header header;
  const ParseStep step = parse_header(bytes, header);
  POSTERN_CHECK(step.bytes <= bytes.size() && step.bytes <= kHeaderBytesMax);
  POSTERN_CHECK(step.why.empty() == (step.status != ParseStatus::malformed));
  POSTERN_CHECK(step.status == ParseStatus::complete || header == Header());
  POSTERN_CHECK(bytes.size() < kHeaderBytesMax || step.status != ParseStatus::incomplete);
  POSTERN_CHECK(header.unique_id.size() <= kUniqueIdBytesMax);
  POSTERN_CHECK(header.subject == Subject::proxy || (header.client.port != 0 && header.target.port != 0));
  if (step.status == ParseStatus::incomplete) return;
  // It is decided at one byte: never before, and never otherwise behind it.
  const std::size_t needed = step.status == ParseStatus::complete ? step.bytes : bytes.size();
  for (std::size_t cut = 0; cut < std::min<std::size_t>(needed, 300); ++cut) {
    Header other;
    POSTERN_CHECK(parse_header(bytes.substr(0, cut), other).status != ParseStatus::complete && other == Header());
  }
  Header again;
  const ParseStep exact = parse_header(bytes.substr(0, needed), again);
  POSTERN_CHECK(exact.status == step.status && exact.bytes == step.bytes && again == header);
}

std::uint16_t port_from(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

SocketAddress end_from(const std::uint8_t* at, bool is_v6) {
  std::array<std::uint8_t, 16> raw{};
  std::copy_n(at, raw.size(), raw.begin());
  if (is_v6) return {IpAddress::v6(raw), port_from(at + 16)};
  return {IpAddress::v4(static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
                        static_cast<std::uint32_t>(at[2]) << 8 | at[3]),
          port_from(at + 16)};
}

void check_versions_agree(const std::uint8_t* data, std::string_view rest) {
  const bool is_v6 = (data[0] & 1) != 0;
  const SocketAddress client = end_from(data + 1, is_v6);
  const SocketAddress target = end_from(data + 19, is_v6);
  Header first;
  Header second;
  Header third;
  const std::string text = version_1(client, target);
  const std::string binary = version_2(client, target);
  const ParseStep one = parse_header(text + std::string(rest), first);
  const ParseStep two = parse_header(binary + std::string(rest), second);
  const ParseStep three = parse_header(with_checksum(binary), third);
  const bool has_ports = client.port != 0 && target.port != 0;
  POSTERN_CHECK(one.status == (has_ports ? ParseStatus::complete : ParseStatus::malformed));
  POSTERN_CHECK(two.status == one.status && three.status == one.status);
  POSTERN_CHECK(first == second && second == third);
  POSTERN_CHECK(one.bytes == text.size() && two.bytes == binary.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_any(bytes);
  constexpr std::size_t kFacts = 37;
  if (size >= kFacts) check_versions_agree(data, bytes.substr(kFacts));
  // Most inputs do not begin like a header: let these do.
  check_any("PROXY TCP4 " + std::string(bytes));
  std::string binary = version_2(kProxyCommand, size > 0 && (data[0] & 1) != 0 ? 0x11 : 0x21, bytes.substr(0, 5000));
  check_any(binary);
  if (size <= 5000) check_any(with_checksum(binary));
  return 0;
}
