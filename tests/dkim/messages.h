// What the programs that verify and sign messages in memory have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/smtp/header_view.h"
#include "policy/message/body_hashes.h"
#include "policy/message/header_index.h"
#include "tests/fakes/fake_resolver.h"

namespace postern::tests {

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A line for each record: its name, a blank, its text.
inline void read_keys(const std::string& path, dns::FakeResolver& resolver) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const std::size_t blank = line.find(' '); blank != line.npos)
      resolver.add_text(line.substr(0, blank), line.substr(blank + 1));
}

// A message in memory: its header as the session shows it, and its body.
class Message {
 public:
  explicit Message(std::string text) : text_(std::move(text)) {
    smtp::HeaderScanner scanner;
    header_bytes_ = scanner.step(text_);
    chain_.append(Slice::literal(text_));
    index_ = message::HeaderIndex(smtp::HeaderView(chain_, header_bytes_, pool_));
  }
  [[nodiscard]] const message::HeaderIndex& index() const { return index_; }
  void feed_body(message::BodyHashes& bodies, std::size_t piece) const {
    std::string_view rest = std::string_view(text_).substr(header_bytes_);
    while (!rest.empty()) {
      bodies.feed(rest.substr(0, piece));
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    bodies.finish();
  }

 private:
  std::string text_;
  std::size_t header_bytes_ = 0;
  Chain chain_;
  BlockPool pool_;
  message::HeaderIndex index_;
};

// The next of standard input: a line with its length in bytes, and its bytes. False at the end.
inline bool next_message(std::string& text) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  text.resize(std::stoul(line));
  return static_cast<bool>(std::cin.read(text.data(), static_cast<std::streamsize>(text.size())));
}

}  // namespace postern::tests
