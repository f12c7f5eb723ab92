#include "net/proxy/read_header.h"

#include <string>
#include <utility>

namespace postern::proxy {

Task<ReadOutcome> read_header(Stream& stream, BlockPool& pool, Wait wait, Header& header) {
  std::string begun;  // of a header that does not lie in one slice
  for (;;) {
    Result<Slice> slice = co_await stream.read(wait);
    if (!slice) co_return ReadOutcome::failed;
    const std::size_t before = begun.size();
    std::string_view bytes = slice->view();
    if (before > 0) bytes = begun.append(bytes);
    const ParseStep step = parse_header(bytes, header);
    switch (step.status) {
      case ParseStatus::incomplete:
        if (before == 0) begun = bytes;
        continue;
      case ParseStatus::no_header:
        stream.unread(before == 0 ? std::move(*slice) : copy_to_slice(pool, begun));
        co_return ReadOutcome::absent;
      case ParseStatus::complete:
      case ParseStatus::malformed: break;
    }
    // A header that ends in an earlier slice would have been complete, or malformed, with that.
    slice->remove_prefix(step.bytes > before ? step.bytes - before : 0);
    stream.unread(std::move(*slice));
    co_return step.status == ParseStatus::complete ? ReadOutcome::read : ReadOutcome::failed;
  }
}

}  // namespace postern::proxy
