#include "net/tls/slice_bio.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace postern::tls {

struct SliceBio::Hooks {
  static SliceBio& self(BIO* bio) { return *static_cast<SliceBio*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, std::size_t room, std::size_t* count) {
    BIO_clear_retry_flags(bio);
    *count = self(bio).read(into, room);
    if (*count > 0) return 1;
    BIO_set_retry_read(bio);
    return 0;
  }
  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* count) {
    BIO_clear_retry_flags(bio);
    self(bio).write({bytes, size});
    *count = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slices");
      POSTERN_CHECK(method != nullptr);
      BIO_meth_set_read_ex(method, read);
      BIO_meth_set_write_ex(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }
};

BIO* SliceBio::make() {
  BIO* bio = BIO_new(Hooks::method());
  POSTERN_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

std::size_t SliceBio::read(char* into, std::size_t room) {
  std::size_t count = 0;
  while (count < room && has_input()) {
    Slice& slice = input_[first_];
    const std::size_t step = std::min(room - count, slice.size());
    std::memcpy(into + count, slice.data(), step);
    slice.remove_prefix(step);
    count += step;
    if (!slice.empty()) break;
    slice.reset();
    if (++first_ == input_.size()) {
      input_.clear();
      first_ = 0;
    }
  }
  return count;
}

void SliceBio::write(std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), BlockPool::kLargest)))
    output_.append(copy_to_slice(pool_, bytes.substr(0, BlockPool::kLargest)));
}

}  // namespace postern::tls
