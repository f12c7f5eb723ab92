// A shard's log: lines go into a ring at once, and from there into files on an offload thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "appliance/log/line_ring.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_sink.h"
#include "appliance/log/log_style.h"
#include "engine/base/counter.h"
#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"
#include "engine/coro/task.h"
#include "engine/shard/offload.h"

namespace postern::log {

struct LogStats {
  Counter lines;
  Counter dropped;       // no room in the ring
  Counter write_errors;  // batches lost because a file could not be opened or written
};

// How long lines are gathered before they are written.
struct LogPace {
  std::int64_t delay_ms = 5;
  // Every line waits for at least the delay, and at most twice as long: for a process whose lines follow those of another in
  // the same file. So a message's arrival stands in front of its delivery.
  bool holds = false;
};

// One shard. A line reaches its file as its pace says, while the disk keeps up.
class LogWriter final : public LogSink, private shard::OffloadJob, private Timer {
 public:
  static constexpr std::size_t kRingBytes = 1024 * 1024;

  // `offload` has a single thread, which is what keeps `files` to one user at a time; both may be shared by several writers and
  // outlive them. Nothing may be written after close().
  LogWriter(LogFiles& files, shard::Offload& offload, const Clock& clock, LogPace pace = {});
  ~LogWriter() override;

  // Lines from now on.
  void set_style(LogStyle style);
  // Never suspends. Lines longer than 32 KiB are cut.
  void write(Stream stream, std::string_view line) override;
  void write_line(Stream stream, const LogLine& line) override;
  // Suspends until all lines so far are in their files (or lost to an error).
  [[nodiscard]] Task<void> close();
  [[nodiscard]] const LogStats& stats() const noexcept { return stats_; }

 private:
  void on_timer() override { start_draining(pace_.holds ? aged_ : ring_.position()); }
  void start_draining(std::uint64_t limit);
  void arm();
  void run_on_pool() override;
  void done_on_shard() override;
  void push(Stream stream, std::string_view first, std::string_view second);
  std::string_view time_stamp();
  std::string_view json(Stream stream, std::string_view text, const LogLine* line);

  LogFiles& files_;
  shard::Offload& offload_;
  const Clock& clock_;
  const LogPace pace_;
  LineRing ring_;
  LogStats stats_;
  LogStyle style_;
  std::string pid_;  // "[123] ", or nothing
  std::int64_t stamp_second_ = -1;
  std::string second_;  // "2026-11-28 10:00:00"
  std::string zone_;    // "+0100"
  std::string stamp_;
  std::string json_;
  bool draining_ = false;
  std::uint64_t aged_ = 0;  // lines before this position have waited for a delay by the next one
  Event idle_;

  std::uint64_t limit_ = 0;  // of the drain under way

  // The pool thread's.
  std::string main_text_;
  std::string reject_text_;
  std::string panic_text_;
  std::uint64_t failed_batches_ = 0;
};

}  // namespace postern::log
