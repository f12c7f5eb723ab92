#include "appliance/spool/segment_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "appliance/spool/aligned_buffer.h"

namespace postern::spool {
namespace {

constexpr std::size_t kNumberDigits = 16;
constexpr std::string_view kSuffix = ".seg";

}  // namespace

std::string segment_name(std::uint64_t number) {
  std::array<char, kNumberDigits> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  std::string name(kNumberDigits - length, '0');
  name.append(digits.data(), length);
  return name.append(kSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) noexcept {
  if (name.size() != kNumberDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view digits = name.substr(0, kNumberDigits);
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Task<Result<SegmentInfo>> read_segment_info(FileSystem& files, std::string path) {
  SegmentInfo info;
  info.path = std::move(path);
  auto file = co_await files.open(info.path, {.mode = OpenMode::read, .direct = true});
  if (!file) co_return failure(file.error());
  const AlignedBuffer blocks(kFirstBatchOffset);
  const Result<std::size_t> got = co_await (*file)->read(blocks.span(), 0);
  if (!got) co_return failure(got.error());
  if (*got < blocks.size()) co_return info;  // shorter than any segment: damaged
  HeaderParse header = parse_header(blocks.span().first<kBlockBytes>());
  info.state = header.state;
  info.version = header.version;
  info.header = header.header;
  if (info.state == HeaderState::good) info.seal = parse_seal(blocks.span().subspan<kSealOffset, kBlockBytes>(), info.header);
  co_return info;
}

std::optional<std::uint64_t> final_end(const SegmentInfo& segment, std::span<const SegmentInfo> all) noexcept {
  if (segment.seal) return segment.seal->end;
  for (const SegmentInfo& other : all) {
    if (other.state != HeaderState::good) continue;
    for (const SegmentNote& note : other.header.note_span())
      if (note.segment == segment.header.key) return note.end;
  }
  return std::nullopt;
}

Task<Result<void>> SegmentDirectory::make() {
  if (auto made = co_await files_.make_directory(path_, 0700); !made) co_return made;
  if (auto made = co_await files_.make_directory(free_path(), 0700); !made) co_return made;
  if (auto synced = co_await files_.sync_directory(path_); !synced) co_return synced;
  const std::size_t slash = path_.rfind('/');
  co_return co_await files_.sync_directory(slash == std::string::npos ? "." : path_.substr(0, slash));
}

Task<Result<std::vector<SegmentInfo>>> SegmentDirectory::list_in(std::string directory) const {
  std::vector<SegmentInfo> found;
  const auto entries = co_await files_.list(directory);
  if (!entries) co_return failure(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.is_directory || !parse_segment_name(entry.name)) continue;
    auto info = co_await read_segment_info(files_, directory + "/" + entry.name);
    if (!info && info.error().code == Errc::not_found) continue;  // handed back or taken meanwhile
    if (!info) co_return failure(info.error());
    info->file_bytes = entry.size_bytes;
    found.push_back(std::move(*info));
  }
  std::ranges::sort(
      found, {}, [](const SegmentInfo& info) { return std::tuple(info.state == HeaderState::good, info.header.key.number); });
  co_return found;
}

Task<Result<std::vector<SegmentInfo>>> SegmentDirectory::list() const { return list_in(path_); }
Task<Result<std::vector<SegmentInfo>>> SegmentDirectory::list_free() const { return list_in(free_path()); }

Task<Result<void>> SegmentDirectory::hand_back(SegmentKey key) const {
  const auto is_key = [key](const SegmentInfo& info) { return info.state == HeaderState::good && info.header.key == key; };
  // The plain case needs no look at the other segments: the file has its usual name, its own seal, and speaks for nobody else.
  const auto usual = co_await read_segment_info(files_, path_of(key.number));
  if (usual && is_key(*usual) && usual->seal && usual->header.note_count == 0) co_return co_await move_to_free(usual->path);

  const auto all = co_await list();
  if (!all) co_return failure(all.error());
  const auto segment = std::ranges::find_if(*all, is_key);
  if (segment == all->end()) co_return failure(Errc::not_found, "hand back segment");
  if (!final_end(*segment, *all)) co_return failure(Errc::busy, "hand back segment");
  for (const SegmentNote& note : segment->header.note_span()) {
    const auto needs = [&](const SegmentInfo& info) { return info.header.key == note.segment && !info.seal; };
    if (std::ranges::any_of(*all, needs)) co_return failure(Errc::busy, "hand back segment");
  }
  co_return co_await move_to_free(segment->path);
}

Task<Result<void>> SegmentDirectory::move_to_free(std::string path) const {
  std::string target = free_path() + path.substr(path_.size());
  co_return co_await files_.rename(std::move(path), std::move(target));
}

Task<Result<bool>> SegmentDirectory::is_gone(std::uint64_t incarnation) const {
  // Synced first: what the listing then does not show cannot come back.
  if (auto synced = co_await files_.sync_directory(path_); !synced) co_return failure(synced.error());
  if (auto synced = co_await files_.sync_directory(free_path()); !synced) co_return failure(synced.error());
  for (const bool in_free : {true, false}) {
    const auto listed = co_await list_in(in_free ? free_path() : path_);
    if (!listed) co_return failure(listed.error());
    const auto carries = [&](const SegmentInfo& info) { return info.header.key.incarnation == incarnation; };
    if (std::ranges::any_of(*listed, carries)) co_return false;
  }
  co_return true;
}

Task<Result<void>> SegmentDirectory::remove_free() const {
  const auto entries = co_await files_.list(free_path());
  if (!entries && entries.error().code == Errc::not_found) co_return Result<void>{};
  if (!entries) co_return failure(entries.error());
  for (const DirectoryEntry& entry : *entries)
    if (auto removed = co_await files_.remove(free_path() + "/" + entry.name); !removed) co_return removed;
  co_return Result<void>{};
}

}  // namespace postern::spool
