// Taking a new configuration into use in a running process, for whoever asks: SIGHUP, or the control socket.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/config/reload.h"
#include "appliance/log/log_files.h"
#include "appliance/log/log_sink.h"
#include "engine/base/counter.h"
#include "engine/coro/event.h"
#include "engine/coro/stop.h"
#include "engine/coro/task.h"
#include "engine/shard/offload.h"

namespace postern::control {

// The part of a process that works by a configuration.
class ConfigUser {
 public:
  virtual ~ConfigUser() = default;
  // On the loading thread: does what takes long, and keeps the result for take().
  virtual void prepare(std::shared_ptr<const config::Config> config) = 0;
  // On the shard: when it ends, whatever begins uses what was prepared. Gives what was in use until now, which whatever had
  // begun with it still holds; null when the process is stopping, and nothing was changed. Suspends.
  [[nodiscard]] virtual Task<std::shared_ptr<const void>> take() = 0;
};

struct ReloadStats {
  Counter reloads;         // that took effect
  Counter failed;          // that changed nothing
  Counter earlier_in_use;  // gauge: configurations that have been replaced, and are still held by what began with them
  Counter last_reload_s;   // gauge: when the last one took effect, in seconds since 1970; 0: none
};

// Everything outlives the object.
struct ReloadingDeps {
  std::string path;             // of the configuration
  config::MainOptions running;  // what the process began with
  ConfigUser& user;
  shard::Offload& loading;  // one thread
  log::LogSink& log;
  log::LogFiles& log_files;
  shard::Offload& log_offload;
  std::string process;  // "ingress", "delivery": for the log
};

// One shard.
class Reloading {
 public:
  // So many replaced configurations may be in use. With more, a reload is refused: they take memory, and clients decide how
  // long.
  static constexpr std::size_t kEarlierMax = 16;

  explicit Reloading(ReloadingDeps deps) : deps_(std::move(deps)), log_path_(deps_.running.log_file_path) {}

  // Loads the configuration whole and takes it into use, or changes nothing; says which in the log. One after the other.
  // Suspends until it has taken effect everywhere. The answer is a JSON object: {"reloaded": true, "messages": [...]}.
  [[nodiscard]] Task<std::string> reload();
  // Asks run() to do that, for SIGHUP. One that waits for its turn stands for all that come meanwhile.
  void request() { requested_.set(); }
  // Does what request() asks for, and lets go of configurations that nobody uses any more, until `stop`. Once. Suspends.
  [[nodiscard]] Task<void> run(StopSource& stop);

  [[nodiscard]] const ReloadStats& stats() const noexcept { return stats_; }

 private:
  struct Outcome {
    bool reloaded = false;
    std::vector<std::string> messages;
    bool is_stopping = false;  // nothing went wrong
  };
  [[nodiscard]] Task<Outcome> reload_now();
  [[nodiscard]] Task<Outcome> try_reload();
  [[nodiscard]] Task<Result<void>> change_log_files(std::string pattern);
  void report(const Outcome& outcome);
  [[nodiscard]] Task<void> drop_unused();

  ReloadingDeps deps_;
  ReloadStats stats_;
  std::string log_path_;  // in use
  std::vector<std::shared_ptr<const void>> earlier_;
  bool busy_ = false;
  Event requested_;
};

}  // namespace postern::control
