// Twelve bytes of mark, version and command, address family and transport, length; then addresses, ports, TLVs.
#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "engine/base/crc32c.h"
#include "net/proxy/versions.h"

namespace postern::proxy {
namespace {

constexpr std::size_t kFixedBytes = 16;
constexpr std::size_t kBlockBytesMax = kHeaderBytesMax - kFixedBytes;
constexpr std::size_t kTlvHeadBytes = 3;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kSslHeadBytes = 5;  // client flags, result of verification; TLVs of its own follow

enum class Command : std::uint8_t { local = 0, proxy = 1 };
enum class TlvType : std::uint8_t { crc32c = 0x03, unique_id = 0x05, ssl = 0x20 };

// Addresses with their ports, by family and transport.
struct Layout {
  std::uint8_t code;
  std::size_t bytes;
  std::size_t address_bytes;  // of one; 0: nothing that a mail server could use
};
constexpr std::array<Layout, 4> kLayouts{{
    {0x00, 0, 0},    // UNSPEC
    {0x11, 12, 4},   // TCP over IPv4
    {0x21, 36, 16},  // TCP over IPv6
    {0x31, 216, 0},  // UNIX stream
}};

const Layout* layout_of(std::uint8_t code) {
  const auto* const found = std::ranges::find(kLayouts, code, &Layout::code);
  return found == kLayouts.end() ? nullptr : found;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

std::uint16_t be16_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::uint32_t be32_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(be16_at(bytes, at)) << 16 | be16_at(bytes, at + 2);
}

IpAddress address_at(std::string_view bytes, std::size_t at, std::size_t size) {
  if (size == 4) return IpAddress::v4(be32_at(bytes, at));
  std::array<std::uint8_t, 16> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = byte_at(bytes, at + i);
  return IpAddress::fold_mapped(raw);
}

// Over the whole header, as if the sum itself were zero. `value` lies in `whole`.
bool checksum_is_right(std::string_view whole, std::string_view value) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(whole));
  const auto at = static_cast<std::size_t>(value.data() - whole.data());
  constexpr std::array<std::byte, kChecksumBytes> kZero{};
  std::uint32_t sum = crc32c(0, bytes.first(at));
  sum = crc32c(sum, kZero);
  sum = crc32c(sum, bytes.subspan(at + kChecksumBytes));
  return sum == be32_at(value, 0);
}

// Calls `each(type, value)` for one TLV after the other; it gives why one is wrong, or nothing.
template <class Each>
std::string_view walk(std::string_view tlvs, Each each) {
  while (!tlvs.empty()) {
    if (tlvs.size() < kTlvHeadBytes) return "a TLV is cut off";
    const std::size_t size = be16_at(tlvs, 1);
    if (size > tlvs.size() - kTlvHeadBytes) return "a TLV is longer than the header";
    if (const std::string_view why = each(static_cast<TlvType>(byte_at(tlvs, 0)), tlvs.substr(kTlvHeadBytes, size));
        !why.empty())
      return why;
    tlvs.remove_prefix(kTlvHeadBytes + size);
  }
  return {};
}

std::string_view check_ssl(std::string_view value) {
  if (value.size() < kSslHeadBytes) return "an SSL TLV is cut off";
  return walk(value.substr(kSslHeadBytes), [](TlvType, std::string_view) { return std::string_view(); });
}

struct Tlvs {
  std::optional<std::string_view> unique_id;
  std::optional<std::string_view> checksum;
};

std::string_view read_tlvs(std::string_view bytes, Tlvs& tlvs) {
  return walk(bytes, [&tlvs](TlvType type, std::string_view value) -> std::string_view {
    switch (type) {
      case TlvType::crc32c:
        if (value.size() != kChecksumBytes || tlvs.checksum) return "not one checksum of four bytes";
        tlvs.checksum = value;
        break;
      case TlvType::unique_id:
        if (value.size() > kUniqueIdBytesMax || tlvs.unique_id) return "not one unique id of at most 128 bytes";
        tlvs.unique_id = value;
        break;
      case TlvType::ssl: return check_ssl(value);
    }
    return {};
  });
}

void read_ends(std::string_view block, std::size_t size, Header& header) {
  header.subject = Subject::client;
  header.client = {address_at(block, 0, size), be16_at(block, 2 * size)};
  header.target = {address_at(block, size, size), be16_at(block, 2 * size + 2)};
}

// LOCAL: whatever is told besides is to be ignored. A checksum is checked all the same, where the rest can be read.
std::string_view read_local(std::string_view whole) {
  const std::string_view block = whole.substr(kFixedBytes);
  const Layout* layout = layout_of(byte_at(whole, 13));
  Tlvs tlvs;
  if (layout == nullptr || block.size() < layout->bytes || !read_tlvs(block.substr(layout->bytes), tlvs).empty()) return {};
  if (tlvs.checksum && !checksum_is_right(whole, *tlvs.checksum)) return "the checksum is wrong";
  return {};
}

std::string_view read_proxy(std::string_view whole, Header& header) {
  const Layout* layout = layout_of(byte_at(whole, 13));
  if (layout == nullptr) return "unknown address family or transport";
  const std::string_view block = whole.substr(kFixedBytes);
  if (block.size() < layout->bytes) return "the addresses are cut off";
  const std::string_view rest = block.substr(layout->bytes);
  if (rest.size() > kTlvBytesMax) return "the TLVs are too long";
  Tlvs tlvs;
  if (const std::string_view why = read_tlvs(rest, tlvs); !why.empty()) return why;
  if (tlvs.checksum && !checksum_is_right(whole, *tlvs.checksum)) return "the checksum is wrong";
  if (layout->address_bytes > 0) read_ends(block, layout->address_bytes, header);
  if (header.subject == Subject::client && (header.client.port == 0 || header.target.port == 0)) return "a port is 0";
  if (tlvs.unique_id) header.unique_id = *tlvs.unique_id;
  return {};
}

}  // namespace

ParseStep parse_version_2(std::string_view bytes, Header& header) {
  if (bytes.size() < kFixedBytes) return {ParseStatus::incomplete};
  const std::uint8_t version_and_command = byte_at(bytes, 12);
  if (version_and_command >> 4 != 2) return {ParseStatus::malformed, kFixedBytes, "unknown version"};
  const auto command = static_cast<Command>(version_and_command & 0xf);
  if (command != Command::local && command != Command::proxy) return {ParseStatus::malformed, kFixedBytes, "unknown command"};
  const std::size_t block_bytes = be16_at(bytes, 14);
  if (block_bytes > kBlockBytesMax) return {ParseStatus::malformed, kFixedBytes, "the header is too long"};
  const std::size_t size = kFixedBytes + block_bytes;
  if (bytes.size() < size) return {ParseStatus::incomplete};
  header = {};
  const std::string_view whole = bytes.substr(0, size);
  const std::string_view why = command == Command::local ? read_local(whole) : read_proxy(whole, header);
  if (why.empty()) return {ParseStatus::complete, size};
  header = {};
  return {ParseStatus::malformed, size, why};
}

}  // namespace postern::proxy
