#include "appliance/delivery/asked_positions.h"

#include <utility>

#include "appliance/spool/positions.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {
namespace {

constexpr std::int64_t kTimeoutMs = 5'000;
constexpr std::size_t kAnswerBytesMax = 512 * 1024;
constexpr std::string_view kQuestion = "positions\n";

}  // namespace

AskedPositions::AskedPositions(Connector& connector, BlockPool& blocks, std::string path)
    : connector_(connector), blocks_(blocks), path_(std::move(path)) {}

Task<Result<bool>> AskedPositions::ask(StopSource& stop) {
  const Wait wait{Scheduler::current().now().plus_ms(kTimeoutMs), &stop};
  auto stream = co_await connector_.connect_local(path_, wait);
  if (!stream) co_return failure(stream.error());
  const Result<std::string> answer = co_await exchange(**stream, wait);
  co_await (*stream)->close();
  if (!answer) co_return failure(answer.error());
  const auto parsed = spool::parse_positions(*answer);
  if (!parsed) co_return failure(Errc::bad_format, "positions of ingress");
  bool changed = false;
  for (const auto& [shard, position] : *parsed) changed |= std::exchange(positions_[shard], position) != position;
  co_return changed;
}

Task<Result<std::string>> AskedPositions::exchange(Stream& stream, Wait wait) {
  if (const auto written = co_await stream.write(Chain(copy_to_slice(blocks_, kQuestion)), wait); !written)
    co_return failure(written.error());
  std::string answer;
  for (;;) {
    const Result<Slice> bytes = co_await stream.read(wait);
    if (!bytes && bytes.error().code == Errc::closed) co_return answer;
    if (!bytes) co_return failure(bytes.error());
    if (answer.size() + bytes->size() > kAnswerBytesMax) co_return failure(Errc::too_large, "positions of ingress");
    answer.append(bytes->view());
  }
}

}  // namespace postern::delivery
