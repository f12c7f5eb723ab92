// The appendfile transport with maildir_format: each message is a file of its own in <directory>/new.
//
// The file is written under tmp/, synced, linked into new/, and new/ is synced: a delivery is reported only when it would
// survive a loss of power. Line ends are LF, as local programs expect. The file's name is made of what the message is in the
// spool (segment, place, recipient), which nothing else ever has: an attempt repeated after a crash finds its file and adds no
// second one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "appliance/config/transport.h"
#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/message_reader.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "engine/io/file.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery {

// One shard. FileSystem and configuration outlive it. Any number of jobs at once.
class MaildirTransport {
 public:
  // Checked: `transport` is an appendfile. `hostname` becomes part of file names.
  MaildirTransport(FileSystem& files, const config::Transport& transport, std::string hostname);

  // Delivers one file for all wanted recipients, for which `variables` hold alike. Suspends.
  [[nodiscard]] Task<void> deliver(const TransportJob& job, const expand::EvalContext& variables);

 private:
  struct Place {
    std::string directory;  // of the maildir
    std::string name;       // of the file, without what stands behind its size
    [[nodiscard]] std::string tmp() const { return directory + "/tmp/" + name; }
  };
  // Bytes written.
  [[nodiscard]] Task<Result<std::uint64_t>> store(const Place& place, MessageReader& message);
  [[nodiscard]] Task<Result<std::uint64_t>> write_file(const Place& place, MessageReader& message);
  [[nodiscard]] Task<Result<void>> publish(const Place& place, std::uint64_t bytes);
  [[nodiscard]] Task<Result<std::unique_ptr<File>>> create(const Place& place);
  [[nodiscard]] Task<Result<void>> make_maildir(const std::string& directory);
  [[nodiscard]] Task<Result<void>> make_directories(const std::string& path);

  FileSystem& files_;
  const config::Transport& transport_;
  const config::AppendfileTransport& options_;
  std::string hostname_;
  BlockPool blocks_;
};

// The name under which the message is stored, up to its size.
[[nodiscard]] std::string maildir_name(const TransportJob& job, std::string_view hostname);

// Turns CR LF into LF, in pieces cut anywhere.
class LineEndWriter {
 public:
  // Appends `text` to `out`. A CR at the end is held back until it is known what follows.
  void append(std::string_view text, std::string& out);
  // Appends what is held back.
  void finish(std::string& out);

 private:
  bool holds_cr_ = false;
};

}  // namespace postern::delivery
