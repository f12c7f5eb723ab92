// A shard's log: lines go into a ring at once, and from there into files on an offload thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "appliance/log/line_ring.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_sink.h"
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

// One shard. A line reaches its file within about the delay while the disk keeps up.
class LogWriter final : public LogSink, private shard::OffloadJob, private Timer {
 public:
  static constexpr std::int64_t kDelayMs = 10;
  static constexpr std::size_t kRingBytes = 1024 * 1024;

  // `offload` has a single thread, which is what keeps `files` to one user at a time; both may be shared by several writers and
  // outlive them. Nothing may be written after close().
  // `delay_ms`: how long lines are gathered. A process whose lines follow those of another takes longer than that one, so that
  // a message's arrival stands in front of its delivery.
  LogWriter(LogFiles& files, shard::Offload& offload, const Clock& clock, std::int64_t delay_ms = kDelayMs);
  ~LogWriter() override;

  // Never suspends. Lines longer than 32 KiB are cut.
  void write(Stream stream, std::string_view line) override;
  // Suspends until all lines so far are in their files (or lost to an error).
  [[nodiscard]] Task<void> close();
  [[nodiscard]] const LogStats& stats() const noexcept { return stats_; }

 private:
  void on_timer() override { start_draining(); }
  void start_draining();
  void run_on_pool() override;
  void done_on_shard() override;
  std::string_view time_stamp();

  LogFiles& files_;
  shard::Offload& offload_;
  const Clock& clock_;
  const std::int64_t delay_ms_;
  LineRing ring_;
  LogStats stats_;
  std::int64_t stamp_second_ = -1;
  std::string stamp_;
  bool draining_ = false;
  bool more_ = false;  // written to since the drain began
  Event idle_;

  // The pool thread's.
  std::string main_text_;
  std::string reject_text_;
  std::string panic_text_;
  std::uint64_t failed_batches_ = 0;
};

}  // namespace postern::log
