// A real redis-server for a test, in a folder of its own: the program of Debian's redis-tools, which is the server when it is
// called by that name.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/ip_address.h"

extern char** environ;

namespace postern::lookup {

inline constexpr const char* kRedisProgram = "/usr/bin/redis-check-rdb";

inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

inline bool answers(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage to{};
  const unsigned size = SocketAddress{IpAddress::v4(0x7f000001), port}.to_sockaddr(to);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0;
  ::close(fd);
  return connected;
}

class RedisProcess {
 public:
  explicit RedisProcess(std::vector<std::string> options = {}, std::uint16_t port_wanted = 0)
      : port(port_wanted != 0 ? port_wanted : free_port()) {
    std::string name = (std::filesystem::temp_directory_path() / "postern-redis-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    std::vector<std::string> words = {
        "redis-server",    "--port", std::to_string(port),     "--bind", "127.0.0.1", "--dir",         folder,
        "--save",          "",       "--enable-debug-command", "yes",    "--logfile", folder + "/log", "--unixsocket",
        folder + "/socket"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, kRedisProgram, nullptr, nullptr, arguments.data(), environ), 0);
    for (int i = 0; i < 500 && !answers(port); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ~RedisProcess() {
    end();
    std::filesystem::remove_all(folder);
  }
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] std::string item(std::string_view rest = "//") const {
    return "127.0.0.1::" + std::to_string(port) + std::string(rest);
  }

  std::uint16_t port;
  std::string folder;

 private:
  pid_t pid_ = -1;
};

}  // namespace postern::lookup
