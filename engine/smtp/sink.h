// Where the bytes of one message go: the spool, seen from the session.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/buffer/chain.h"
#include "engine/buffer/slice.h"
#include "engine/coro/task.h"

namespace postern::smtp {

enum class HeaderPlace : std::uint8_t {
  at_start,        // in front of all
  after_received,  // behind the topmost block of Received: fields
  at_start_rfc,    // behind the Received: and Resent- fields at the start
  at_end,          // behind the header section
  removed,         // text is a name: fields of that name are left out, but for those that are added
};

// One change to the header section, made in order after `top` was put there.
struct HeaderChange {
  HeaderPlace place = HeaderPlace::at_end;
  std::string_view text;  // complete header fields, each ended by CR LF
};

// What is done to the received bytes, and with the message. Borrowed until commit() has ended.
struct Additions {
  std::string_view top;  // complete header fields, each ended by CR LF (Received: first)
  std::span<const HeaderChange> changes;
  bool frozen = false;  // nobody tries to deliver it until somebody says so
  // What the client is told in place of 250 although the message is taken: 450 or 550, and a text.
  int reply_code = 0;
  std::string_view reply_text;
};

struct CommitReceipt {
  std::uint64_t message_bytes = 0;  // as delivery will see it: additions and received bytes
};

// Whether the writer may go on at once.
enum class Pace : std::uint8_t {
  go_on,
  wait,  // the bytes were taken; room() is awaited before more come, but for a line end that completes them
};

// One message. Made by SessionHooks::open_message, which keeps ownership; the session uses it until exactly one of commit() and
// abort() has been awaited, and not afterwards. One shard.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  // The message's id as logs and the reply to the peer show it ("1wlos3-000008-0T"); known from the start, same until the end.
  [[nodiscard]] virtual std::string_view id() const = 0;

  // Takes the next bytes as they are to be stored (CR LF line ends, dots taken out). Never suspends. `copy`: the slice's source
  // runs short of buffers, so that keeping the slice itself would starve others. Errors: too_large (the shard's memory for
  // messages is used up), disk_full. After an error nothing more is written, and abort() follows.
  [[nodiscard]] virtual Result<Pace> write(Slice bytes, bool copy) = 0;
  // The first `bytes` bytes are the header block, and are here now: from here on only they, and a little behind them, need be
  // kept in text(). Once, unless the message ends before.
  virtual void header_ends(std::uint64_t bytes) { static_cast<void>(bytes); }
  // Awaited after write() said `wait`.
  [[nodiscard]] virtual Task<Result<void>> room();

  // The received bytes so far: at least the header block, up to whatever may have been moved out of memory. Views of it stay
  // valid until commit() or abort() is called.
  [[nodiscard]] virtual const Chain& text() const = 0;

  // Makes the message durable. When it succeeds the message is ours: the peer is told 250. Errors: disk_full, in_doubt, io; the
  // peer is then told to try again. Not cut short by anything.
  [[nodiscard]] virtual Task<Result<CommitReceipt>> commit(const Additions& additions) = 0;
  // Forgets the message.
  [[nodiscard]] virtual Task<void> abort() = 0;
};

inline Task<Result<void>> MessageSink::room() { co_return Result<void>{}; }

}  // namespace postern::smtp
