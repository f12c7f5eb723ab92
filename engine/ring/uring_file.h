// Files over the ring.
#pragma once

#include <memory>

#include "engine/base/result.h"
#include "engine/io/file.h"
#include "engine/ring/ring.h"

namespace postern::ring {

class UringFile final : public File {
 public:
  // Takes over `descriptor`, and a direct slot of the ring when one is free. `durable_by_flag` says whether a write with
  // RWF_DSYNC can be used; otherwise write_durable is a write and an fdatasync. `buffers_registered`: whether fixed_buffer may
  // be used.
  UringFile(Ring& ring, int descriptor, const bool& buffers_registered);
  ~UringFile() override;

  void start(FileRequest& request) override;

 private:
  class Pending;
  void release(Pending& pending);
  void fill(io_uring_sqe& sqe, const FileRequest& request, bool as_sync) const;

  Ring& ring_;
  int descriptor_;
  int slot_;
  const bool& buffers_registered_;
  bool durable_by_flag_ = true;
  std::vector<std::unique_ptr<Pending>> spare_;
  std::size_t in_flight_ = 0;
};

}  // namespace postern::ring
