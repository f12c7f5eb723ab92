#include "engine/io/disk_faults.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

namespace postern::inline io {
namespace {

constexpr std::array<std::string_view, 6> kOps{"write", "durable", "sync", "fill", "directory", "replace"};
constexpr const char* kWhere = "disk fault";

// Up to `separator`, which is taken away, too.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return word;
}

template <class Int>
std::optional<Int> parse_number(std::string_view text) {
  Int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::unexpected<std::string> refuse(std::string_view word, const char* remedy) {
  return std::unexpected("'" + std::string(word.substr(0, 40)) + "' does not read: " + remedy);
}

bool set_what(DiskFault& fault, std::string_view word) {
  if (word == "EIO") return fault.error = error_from_errno(EIO, kWhere), true;
  if (word == "ENOSPC") return fault.error = error_from_errno(ENOSPC, kWhere), true;
  fault.is_short = word == "short" && (fault.op == DiskOp::write || fault.op == DiskOp::durable);
  return fault.is_short;
}

bool set_detail(DiskFault& fault, std::string_view word) {
  if (word == "lands") return fault.lands = !fault.is_short;
  std::uint64_t* const into = word.starts_with("skip=") ? &fault.skip : word.starts_with("count=") ? &fault.count : nullptr;
  if (into == nullptr) return false;
  const auto number = parse_number<std::uint64_t>(word.substr(word.find('=') + 1));
  if (!number) return false;
  *into = *number;
  return true;
}

std::expected<DiskFault, std::string> parse_fault(std::string_view text) {
  DiskFault fault;
  const std::string_view name = take(text, ':');
  const auto* const op = std::ranges::find(kOps, name);
  if (op == kOps.end()) return refuse(name, "an operation is write, durable, sync, fill, directory or replace");
  fault.op = static_cast<DiskOp>(op - kOps.begin());
  const std::string_view what = take(text, ':');
  if (!set_what(fault, what)) return refuse(what, "an operation ends with EIO or ENOSPC; write and durable may also be short");
  while (!text.empty()) {
    const std::string_view word = take(text, ':');
    if (!set_detail(fault, word)) return refuse(word, "known are lands (not with short), skip=n and count=n");
  }
  return fault;
}

}  // namespace

std::expected<std::int64_t, std::string> parse_flush_delay(std::string_view text) {
  const auto number = parse_number<std::int64_t>(text);
  if (!number || *number < 1 || *number > kFlushDelayUsMax) return refuse(text, "microseconds from 1 to 1000000 are wanted");
  return *number;
}

std::expected<std::vector<DiskFault>, std::string> parse_disk_faults(std::string_view text) {
  std::vector<DiskFault> faults;
  do {
    if (faults.size() == kDiskFaultsMax) return refuse(text, "no more than 16 faults can be given");
    auto fault = parse_fault(take(text, ','));
    if (!fault) return std::unexpected(std::move(fault.error()));
    faults.push_back(*fault);
  } while (!text.empty());
  return faults;
}

std::string format_disk_faults(const std::vector<DiskFault>& faults) {
  std::string text;
  for (const DiskFault& fault : faults) {
    if (!text.empty()) text += ',';
    text += kOps.at(static_cast<std::size_t>(fault.op));
    text += fault.is_short ? ":short" : fault.error.code == Errc::disk_full ? ":ENOSPC" : ":EIO";
    if (fault.lands) text += ":lands";
    text += ":skip=" + std::to_string(fault.skip) + ":count=" + std::to_string(fault.count);
  }
  return text;
}

std::string describe(const DiskFaults& disk) {
  std::string text = "THIS IS A TEST, not for real mail: ";
  if (disk.flush_delay_us > 0) text += "each flush of the disk takes " + std::to_string(disk.flush_delay_us) + " us longer";
  if (disk.flush_delay_us > 0 && !disk.faults.empty()) text += "; ";
  if (!disk.faults.empty()) text += "the disk fails on purpose: " + format_disk_faults(disk.faults);
  return text;
}

}  // namespace postern::inline io
