// What a process sees of the machine, and no longer sees once it was killed. Objects of ours cannot vanish in the middle of a
// coroutine as a process does; they are cut off from disk and network instead and then taken down, which nobody outside can
// tell from a kill: what the disk was asked for before may still happen, what is asked for later does not.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "appliance/log/log_sink.h"
#include "engine/coro/event.h"
#include "engine/coro/gate.h"
#include "engine/io/connector.h"
#include "engine/io/file.h"

namespace postern::simulation {

struct Pulse {
  bool is_alive = true;
};

class ProcessFiles final : public FileSystem {
 public:
  ProcessFiles(FileSystem& disk, const Pulse& pulse) : disk_(disk), pulse_(pulse) {}

  [[nodiscard]] Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override {
    if (!pulse_.is_alive) co_return killed();
    Result<std::unique_ptr<File>> file = co_await disk_.open(std::move(path), options);
    if (!file) co_return failure(file.error());
    co_return std::make_unique<Handle>(*this, std::move(*file));
  }
  [[nodiscard]] Task<Result<void>> fill_with_zeros(std::string path, std::uint64_t bytes) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.fill_with_zeros(std::move(path), bytes);
  }
  [[nodiscard]] Task<Result<void>> make_directory(std::string path, unsigned permissions) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.make_directory(std::move(path), permissions);
  }
  [[nodiscard]] Task<Result<std::vector<DirectoryEntry>>> list(std::string directory) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.list(std::move(directory));
  }
  [[nodiscard]] Task<Result<void>> rename(std::string from, std::string to) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.rename(std::move(from), std::move(to));
  }
  [[nodiscard]] Task<Result<void>> link_new(std::string from, std::string to) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.link_new(std::move(from), std::move(to));
  }
  [[nodiscard]] Task<Result<void>> remove(std::string path) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.remove(std::move(path));
  }
  [[nodiscard]] Task<Result<void>> sync_directory(std::string directory) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.sync_directory(std::move(directory));
  }
  [[nodiscard]] Task<Result<SpaceInfo>> space(std::string path) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.space(std::move(path));
  }
  [[nodiscard]] Task<Result<std::string>> read_all(std::string path, std::size_t bytes_max) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.read_all(std::move(path), bytes_max);
  }
  [[nodiscard]] Task<Result<void>> replace(std::string path, std::string content) override {
    if (!pulse_.is_alive) co_return killed();
    co_return co_await disk_.replace(std::move(path), std::move(content));
  }
  [[nodiscard]] Result<void> register_buffers(std::vector<std::span<std::byte>>) override { return {}; }

 private:
  class Handle final : public File {
   public:
    Handle(ProcessFiles& files, std::unique_ptr<File> file) : files_(files), file_(std::move(file)) {}
    void start(FileRequest& request) override {
      if (files_.pulse_.is_alive)
        file_->start(request);
      else
        files_.failing_.start(fail_later(request));
    }

   private:
    static Task<void> fail_later(FileRequest& request) {
      co_await Yield();
      request.on_done(killed());
    }
    ProcessFiles& files_;
    std::unique_ptr<File> file_;
  };

  static std::unexpected<Error> killed() { return failure(Errc::io, "the process is dead"); }

  FileSystem& disk_;
  const Pulse& pulse_;
  Gate failing_;
};

class ProcessConnector final : public Connector {
 public:
  ProcessConnector(Connector& network, const Pulse& pulse) : network_(network), pulse_(pulse) {}
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(SocketAddress to, std::optional<IpAddress> from,
                                                              Wait wait) override {
    if (!pulse_.is_alive) co_return failure(Errc::refused, "connect");
    co_return co_await network_.connect(to, from, wait);
  }
  [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_local(std::string, Wait) override {
    co_return failure(Errc::not_found, "connect");
  }

 private:
  Connector& network_;
  const Pulse& pulse_;
};

class ProcessLog final : public log::LogSink {
 public:
  ProcessLog(log::LogSink& log, const Pulse& pulse) : log_(log), pulse_(pulse) {}
  void write(log::Stream stream, std::string_view line) override {
    if (pulse_.is_alive) log_.write(stream, line);
  }

 private:
  log::LogSink& log_;
  const Pulse& pulse_;
};

}  // namespace postern::simulation
