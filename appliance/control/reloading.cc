#include "appliance/control/reloading.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/coro/event.h"
#include "engine/coro/scheduler.h"

namespace postern::control {
namespace {

constexpr std::int64_t kTurnMs = 20;  // between two looks whether another reload has ended
constexpr std::int64_t kTidyMs = 1'000;
constexpr std::size_t kLineBytesMax = 2048;

}  // namespace

Task<std::string> Reloading::reload() {
  const Outcome outcome = co_await reload_now();
  const nlohmann::ordered_json json = {{"reloaded", outcome.reloaded}, {"messages", outcome.messages}};
  // A file's name may be anything.
  co_return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Task<void> Reloading::run(StopSource& stop) {
  while (!stop.stop_requested()) {
    const Result<void> asked = co_await requested_.wait({Scheduler::current().now().plus_ms(kTidyMs), &stop});
    requested_.clear();
    if (asked)
      static_cast<void>(co_await reload_now());
    else
      co_await drop_unused();
  }
}

Task<Reloading::Outcome> Reloading::reload_now() {
  while (busy_) static_cast<void>(co_await sleep_until(Scheduler::current().now().plus_ms(kTurnMs)));
  busy_ = true;
  Outcome outcome = co_await try_reload();
  busy_ = false;
  if (!outcome.is_stopping) report(outcome);
  co_return outcome;
}

Task<Reloading::Outcome> Reloading::try_reload() {
  co_await drop_unused();
  if (earlier_.size() >= kEarlierMax)
    co_return Outcome{false,
                      {std::to_string(kEarlierMax) + " earlier configurations are still in use by connections that began "
                                                     "with them: try again when some have ended, or restart"}};
  Result<config::Reload> loaded = co_await deps_.loading.run([this]() -> Result<config::Reload> {
    config::Reload reload = config::load_again(deps_.path, deps_.running);
    if (reload.config) deps_.user.prepare(reload.config);
    return reload;
  });
  if (!loaded) co_return Outcome{false, {describe(loaded.error())}};
  if (!loaded->config) co_return Outcome{false, std::move(loaded->messages)};
  if (const auto changed = co_await change_log_files(loaded->config->main.log_file_path); !changed)
    co_return Outcome{false,
                      {"log_file_path " + loaded->config->main.log_file_path + ": " + describe(changed.error()) +
                       ": make the directory, and let the user that postern runs as write there"}};
  std::shared_ptr<const void> replaced = co_await deps_.user.take();
  if (!replaced) co_return Outcome{false, {"postern is stopping"}, true};
  earlier_.push_back(std::move(replaced));
  co_return Outcome{true, std::move(loaded->messages)};
}

// The thread that writes the log is the one that may.
Task<Result<void>> Reloading::change_log_files(std::string pattern) {
  if (pattern == log_path_) co_return Result<void>{};
  const Result<void> changed =
      co_await deps_.log_offload.run([this, &pattern]() -> Result<void> { return deps_.log_files.move_to(pattern); });
  if (changed) log_path_ = std::move(pattern);
  co_return changed;
}

void Reloading::report(const Outcome& outcome) {
  (outcome.reloaded ? stats_.reloads : stats_.failed).add();
  if (outcome.reloaded) stats_.last_reload_s.set(static_cast<std::uint64_t>(Scheduler::current().wall_now().seconds()));
  stats_.earlier_in_use.set(earlier_.size());
  const auto write = [&](std::string line) {
    deps_.log.write(log::Stream::main, line);
    if (!outcome.reloaded) deps_.log.write(log::Stream::panic, line);
  };
  write(deps_.process +
        (outcome.reloaded ? ": configuration reloaded from " : ": configuration not reloaded, the one in use stays: ") +
        printable(deps_.path));
  for (const std::string& message : outcome.messages) write(deps_.process + ": reload: " + printable(message, kLineBytesMax));
}

// What nobody but this list holds, nobody can come to hold any more. To free a configuration with large lists takes its time.
Task<void> Reloading::drop_unused() {
  const auto unused = std::partition(earlier_.begin(), earlier_.end(), [](const auto& each) { return each.use_count() > 1; });
  if (unused == earlier_.end()) co_return;
  std::vector<std::shared_ptr<const void>> dropped(std::make_move_iterator(unused), std::make_move_iterator(earlier_.end()));
  earlier_.erase(unused, earlier_.end());
  stats_.earlier_in_use.set(earlier_.size());
  static_cast<void>((co_await deps_.loading.run([&dropped]() -> Result<void> {
                      dropped.clear();
                      return {};
                    })).has_value());
}

}  // namespace postern::control
