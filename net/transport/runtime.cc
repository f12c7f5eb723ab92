#include "net/transport/runtime.h"

#include <algorithm>
#include <bit>

#include "engine/shard/offload.h"

namespace postern::transport {
namespace {

constexpr unsigned kSubmissionEntries = 4096;
constexpr unsigned kCompletionEntriesMax = 65536;  // the kernel's own bound

// Two completions for each connection, and the fixed operations; never fewer than submissions, which the kernel wants.
unsigned completion_entries(std::uint32_t connections_max) {
  const unsigned wanted = std::bit_ceil(2 * std::min(connections_max, kCompletionEntriesMax) + 1024);
  return std::clamp(wanted, 2 * kSubmissionEntries, kCompletionEntriesMax);
}

}  // namespace

Result<std::unique_ptr<ring::Ring>> Runtime::make_ring(const RuntimeOptions& options) {
  return ring::Ring::make({.sq_entries = kSubmissionEntries,
                           .cq_entries = completion_entries(options.connections_max),
                           .direct_descriptors = options.connections_max + kSlotsBesideConnections});
}

Result<std::unique_ptr<Runtime>> Runtime::create(const RuntimeOptions& options, std::unique_ptr<ring::Ring> ring) {
  if (!ring) {
    auto made = make_ring(options);
    if (!made) return failure(made.error());
    ring = std::move(*made);
  }
  std::unique_ptr<Runtime> runtime(new Runtime);
  runtime->ring_ = std::move(ring);
  if (auto adopted = runtime->ring_->adopt(); !adopted) return failure(adopted.error());
  runtime->loop_.add(*runtime->ring_);
  runtime->loop_.set_sleeper(*runtime->ring_);
  runtime->mailbox_.emplace(kMailboxLetters, runtime->ring_->waker());
  runtime->loop_.add(*runtime->mailbox_);
  shard::Offload::set_home(&*runtime->mailbox_);

  auto small = ring::BufferGroup::create(*runtime->ring_, 1, options.small_buffers, kSmallBufferBytes);
  if (!small) return failure(small.error());
  runtime->small_buffers_ = std::move(*small);
  auto large = ring::BufferGroup::create(*runtime->ring_, 2, options.large_buffers, kLargeBufferBytes);
  if (!large) return failure(large.error());
  runtime->large_buffers_ = std::move(*large);
  runtime->streams_.emplace(StreamPool{*runtime->ring_, *runtime->small_buffers_, *runtime->large_buffers_});
  return runtime;
}

Runtime::~Runtime() { shard::Offload::set_home(nullptr); }

void Runtime::post(std::function<void()> what) {
  auto* letter = new std::function<void()>(std::move(what));
  const auto open = [](void* argument) {
    const std::unique_ptr<std::function<void()>> taken(static_cast<std::function<void()>*>(argument));
    (*taken)();
  };
  // The few things that are said to a shard in its life always find room soon.
  while (!mailbox_->post({open, letter})) {}
}

}  // namespace postern::transport
