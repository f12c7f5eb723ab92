// What OpenSSL reads from and writes to in place of a socket: ciphertext in slices, both ways.
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/slice.h"

namespace postern::tls {

// One connection. The pool outlives it, and it the BIO.
class SliceBio {
 public:
  explicit SliceBio(BlockPool& pool) noexcept : pool_(pool) {}
  SliceBio(const SliceBio&) = delete;
  SliceBio& operator=(const SliceBio&) = delete;

  // For SSL_set_bio(), which takes it over; once.
  [[nodiscard]] BIO* make();

  // Bytes that came in. They are pinned until OpenSSL has read them.
  void feed(Slice ciphertext) { input_.push_back(std::move(ciphertext)); }
  [[nodiscard]] bool has_input() const noexcept { return first_ < input_.size(); }
  // What is to go out, since the last call.
  [[nodiscard]] Chain take_output() noexcept { return std::move(output_); }

 private:
  struct Hooks;
  std::size_t read(char* into, std::size_t room);
  void write(std::string_view bytes);

  BlockPool& pool_;
  std::vector<Slice> input_;  // those before first_ were read
  std::size_t first_ = 0;
  Chain output_;
};

}  // namespace postern::tls
