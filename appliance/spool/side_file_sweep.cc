#include "appliance/spool/side_file_sweep.h"

#include <set>
#include <utility>

#include "appliance/spool/reader.h"
#include "appliance/spool/record.h"
#include "appliance/spool/segment_directory.h"
#include "appliance/spool/side_file.h"

namespace postern::spool {
namespace {

// Reported when the segment was recovered, and again by its reader.
class DamageSeen final : public DamageReporter {
 public:
  void on_damage(const Damage&) override { any = true; }
  bool any = false;
};

class Sweep {
 public:
  Sweep(FileSystem& files, std::string directory, std::vector<std::string> names, StopSource& stop)
      : files_(files), directory_(files, std::move(directory)), unnamed_(names.begin(), names.end()), stop_(stop) {}

  Task<Result<std::uint64_t>> run() {
    const auto listed = co_await directory_.list();
    if (!listed) co_return failure(listed.error());
    for (const SegmentInfo& info : *listed) {
      const auto end = info.state == HeaderState::good ? final_end(info, *listed) : std::nullopt;
      if (!end || unnamed_.empty() || stop_.stop_requested()) continue;
      const Result<void> read = co_await read_segment(info, *end);
      if (!read && read.error().code != Errc::not_found) co_return failure(read.error());
    }
    if (stop_.stop_requested()) co_return std::uint64_t{0};
    if (damage_.any) co_return failure(Errc::bad_format, "look for side files without a message");
    co_return co_await remove_unnamed();
  }

 private:
  Task<Result<void>> read_segment(const SegmentInfo& info, std::uint64_t end) {
    const auto reader = co_await SegmentReader::open(files_, info.path, info.header.key, pool_, damage_);
    if (!reader) co_return failure(reader.error());
    for (;;) {
      while (const std::optional<Record> record = (*reader)->take()) take_name(*record);
      const Result<bool> more = co_await (*reader)->fetch(end);
      if (!more) co_return failure(more.error());
      if (!*more || stop_.stop_requested()) co_return Result<void>{};
    }
  }

  void take_name(const Record& record) {
    if (record.kind != RecordKind::message_side_file) return;
    const Result<MessageView> message = parse_message(record.kind, record.bytes());
    if (!message)
      damage_.any = true;
    else if (const auto found = unnamed_.find(message->side_file->name); found != unnamed_.end())
      unnamed_.erase(found);
  }

  Task<Result<std::uint64_t>> remove_unnamed() {
    std::uint64_t removed = 0;
    for (const std::string& name : unnamed_) {
      const Result<void> gone = co_await files_.remove(side_file_path(directory_.path(), name));
      if (!gone && gone.error().code != Errc::not_found) co_return failure(gone.error());
      if (gone) ++removed;
    }
    co_return removed;
  }

  FileSystem& files_;
  SegmentDirectory directory_;
  std::set<std::string, std::less<>> unnamed_;
  StopSource& stop_;
  ReadPool pool_;
  DamageSeen damage_;
};

}  // namespace

Task<Result<std::vector<std::string>>> list_side_files(FileSystem& files, std::string directory) {
  const auto entries = co_await files.list(side_file_directory(directory));
  std::vector<std::string> names;
  if (!entries && entries.error().code == Errc::not_found) co_return names;
  if (!entries) co_return failure(entries.error());
  for (const DirectoryEntry& entry : *entries)
    if (!entry.is_directory) names.push_back(entry.name);
  co_return names;
}

Task<Result<std::uint64_t>> sweep_side_files(FileSystem& files, std::string directory, std::vector<std::string> names,
                                             StopSource& stop) {
  if (names.empty()) co_return std::uint64_t{0};
  Sweep sweep(files, std::move(directory), std::move(names), stop);
  co_return co_await sweep.run();
}

}  // namespace postern::spool
