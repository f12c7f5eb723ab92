#include "appliance/log/log_writer.h"

#include "engine/base/check.h"

namespace postern::log {
namespace {

constexpr std::size_t kLineBytesMax = 32 * 1024;
constexpr std::size_t kBatchBytesMax = 256 * 1024;

}  // namespace

LogWriter::LogWriter(LogFiles& files, shard::Offload& offload, const Clock& clock, LogPace pace)
    : files_(files), offload_(offload), clock_(clock), pace_(pace), ring_(kRingBytes) {
  idle_.set();
}

LogWriter::~LogWriter() { POSTERN_CHECK(!draining_); }

std::string_view LogWriter::time_stamp() {
  const WallTime now = Scheduler::current().wall_now();
  if (now.seconds() != stamp_second_) {
    stamp_second_ = now.seconds();
    stamp_ = format_log_time(now) + " ";
  }
  return stamp_;
}

void LogWriter::write(Stream stream, std::string_view line) {
  if (!ring_.push(stream, time_stamp(), line.substr(0, kLineBytesMax))) return stats_.dropped.add();
  stats_.lines.add();
  if (draining_) return;
  idle_.clear();
  if (ring_.more_than_half_full())
    start_draining(ring_.position());
  else if (!Timer::armed())
    arm();
}

void LogWriter::arm() { Scheduler::current().arm(*this, Scheduler::current().now().plus_ms(pace_.delay_ms)); }

void LogWriter::start_draining(std::uint64_t limit) {
  if (draining_) return;
  Scheduler::current().disarm(*this);
  limit_ = limit;
  aged_ = ring_.position();
  draining_ = true;
  if (offload_.submit(*this, shard::Offload::home())) return;
  draining_ = false;
  arm();
}

// What was asked for and no more: others wait for this thread.
void LogWriter::run_on_pool() {
  failed_batches_ = 0;
  for (bool more = true; more;) {
    const auto batch_bytes = [this] { return main_text_.size() + reject_text_.size() + panic_text_.size(); };
    while ((more = ring_.pop(main_text_, reject_text_, panic_text_, limit_)) && batch_bytes() < kBatchBytesMax) {}
    for (const auto& [stream, text] :
         {std::pair{Stream::main, &main_text_}, {Stream::reject, &reject_text_}, {Stream::panic, &panic_text_}}) {
      if (!text->empty() && !files_.append(stream, *text, clock_.now())) ++failed_batches_;
      text->clear();
    }
  }
}

void LogWriter::done_on_shard() {
  draining_ = false;
  stats_.write_errors.add(failed_batches_);
  if (ring_.empty())
    idle_.set();
  else
    arm();
}

Task<void> LogWriter::close() {
  while (!idle_.is_set()) {
    if (!draining_) start_draining(ring_.position());
    static_cast<void>(co_await idle_.wait({Scheduler::current().now().plus_ms(pace_.delay_ms), nullptr}));
  }
}

}  // namespace postern::log
