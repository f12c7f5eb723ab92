#include "net/dns/stream_query.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/base/check.h"
#include "net/dns/message.h"

namespace postern::dns {
namespace {

constexpr std::size_t kLengthBytes = 2;

// Appends what comes until `bytes` holds `wanted`.
Task<Result<void>> read_up_to(Stream& stream, std::string& bytes, std::size_t wanted, Wait wait) {
  while (bytes.size() < wanted) {
    Result<Slice> slice = co_await stream.read(wait);
    if (!slice) co_return failure(slice.error());
    const std::size_t take = std::min(slice->size(), wanted - bytes.size());
    bytes.append(slice->view().substr(0, take));
    slice->remove_prefix(take);
    if (!slice->empty()) stream.unread(std::move(*slice));
  }
  co_return Result<void>{};
}

Task<Result<std::string>> exchange(Stream& stream, BlockPool& blocks, std::string query, Wait wait) {
  std::string framed{static_cast<char>(query.size() >> 8U), static_cast<char>(query.size() & 0xffU)};
  framed += query;
  const Result<void> written = co_await stream.write(Chain(copy_to_slice(blocks, framed)), wait);
  if (!written) co_return failure(written.error());
  std::string length;
  if (auto read = co_await read_up_to(stream, length, kLengthBytes, wait); !read) co_return failure(read.error());
  const std::size_t size = std::size_t{static_cast<unsigned char>(length[0])} << 8U | static_cast<unsigned char>(length[1]);
  if (size < kHeaderBytes) co_return failure(Errc::bad_format, "read DNS reply");
  std::string reply;
  if (auto read = co_await read_up_to(stream, reply, size, wait); !read) co_return failure(read.error());
  co_return reply;
}

}  // namespace

Task<Result<std::string>> ask_over_stream(Connector& connector, BlockPool& blocks, SocketAddress server, std::string query,
                                          Wait wait) {
  POSTERN_CHECK(query.size() <= kMessageBytesMax);
  auto stream = co_await connector.connect(server, std::nullopt, wait);
  if (!stream) co_return failure(stream.error());
  Result<std::string> reply = co_await exchange(**stream, blocks, std::move(query), wait);
  co_await (*stream)->close();
  co_return reply;
}

}  // namespace postern::dns
