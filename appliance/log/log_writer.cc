#include "appliance/log/log_writer.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/check.h"

namespace postern::log {
namespace {

constexpr std::size_t kLineBytesMax = 32 * 1024;
constexpr std::size_t kJsonTextBytesMax = 4 * 1024;  // of what would be longer than a line, escapes included
constexpr std::size_t kBatchBytesMax = 256 * 1024;

}  // namespace

LogWriter::LogWriter(LogFiles& files, shard::Offload& offload, const Clock& clock, LogPace pace)
    : files_(files), offload_(offload), clock_(clock), pace_(pace), ring_(kRingBytes) {
  idle_.set();
}

LogWriter::~LogWriter() { POSTERN_CHECK(!draining_); }

void LogWriter::set_style(LogStyle style) {
  style_ = std::move(style);
  pid_ = style_.pid ? "[" + std::to_string(::getpid()) + "] " : "";
  stamp_second_ = -1;
}

std::string_view LogWriter::time_stamp() {
  const WallTime now = Scheduler::current().wall_now();
  const bool is_exact = style_.millisec || style_.format == LogStyle::Format::json;
  if (now.seconds() == stamp_second_ && !is_exact) return stamp_;
  if (now.seconds() != stamp_second_) {
    stamp_second_ = now.seconds();
    second_ = format_log_time(now);
    zone_ = format_rfc5322_time(now).substr(format_rfc5322_time(now).size() - 5);
  }
  const std::int64_t us = now.us - now.seconds() * 1'000'000;
  std::array<char, 16> fraction{};
  if (style_.format == LogStyle::Format::json) {  // RFC 3339
    std::snprintf(fraction.data(), fraction.size(), ".%06d", static_cast<int>(us));
    stamp_ = second_ + fraction.data() + zone_.substr(0, 3) + ":" + zone_.substr(3);
    stamp_[10] = 'T';
    return stamp_;
  }
  stamp_ = second_;
  if (style_.millisec) {
    std::snprintf(fraction.data(), fraction.size(), ".%03d", static_cast<int>(us / 1'000));
    stamp_ += fraction.data();
  }
  if (style_.timezone) stamp_ += " " + zone_;
  stamp_ += " " + pid_;
  return stamp_;
}

std::string_view LogWriter::json(Stream stream, std::string_view text, const LogLine* line) {
  static constexpr std::array<std::string_view, 3> kNames{"main", "reject", "panic"};
  nlohmann::ordered_json object = {
      {"time", time_stamp()}, {"log", kNames[static_cast<std::size_t>(stream)]}, {"process", style_.process}};
  if (style_.pid) object["pid"] = ::getpid();
  if (line != nullptr && !line->event.empty()) object["event"] = line->event;
  for (std::size_t i = 0; line != nullptr && i < line->fields(); ++i) object[std::string(line->at(i).name)] = line->at(i).value;
  object["text"] = text;
  json_ = object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  // An object that was cut is none.
  if (json_.size() <= kLineBytesMax) return json_;
  object = {{"time", stamp_},
            {"log", kNames[static_cast<std::size_t>(stream)]},
            {"process", style_.process},
            {"text", text.substr(0, kJsonTextBytesMax)},
            {"cut", true}};
  return json_ = object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void LogWriter::write(Stream stream, std::string_view line) {
  if (style_.format == LogStyle::Format::json) return push(stream, {}, json(stream, line, nullptr));
  push(stream, time_stamp(), line);
}

void LogWriter::write_line(Stream stream, const LogLine& line) {
  if (style_.format == LogStyle::Format::json) return push(stream, {}, json(stream, line.text, &line));
  push(stream, time_stamp(), line.text);
}

void LogWriter::push(Stream stream, std::string_view first, std::string_view second) {
  if (stream == Stream::reject && !style_.reject_log) return;
  if (!ring_.push(stream, first, second.substr(0, kLineBytesMax))) return stats_.dropped.add();
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
