// One message while it arrives: from the text on the wire, by DATA or BDAT, to the sink, with everything that is noticed on the
// way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/slice.h"
#include "engine/coro/frame_pool.h"
#include "engine/coro/task.h"
#include "engine/smtp/bdat_reader.h"
#include "engine/smtp/data_reader.h"
#include "engine/smtp/envelope.h"
#include "engine/smtp/header_view.h"
#include "engine/smtp/hooks.h"
#include "engine/smtp/session_limits.h"
#include "engine/smtp/sink.h"

namespace postern::smtp {

// Why a message will not be taken although its end has not come yet: the peer is told at the end of the data.
enum class Refusal : std::uint8_t {
  none,
  too_large,         // message_size_limit
  header_too_large,  // header_maxsize
  mail_loop,         // received_headers_max
  bare_newline,      // bare_newline = reject
  no_space,          // the sink took no more; error() says why
  answered,          // an earlier chunk was refused: nothing but RSET helps
};

// Lives from the first byte of a message's data to its commit() or abort(). Its memory comes from the frame pool. One shard.
class MessageIntake {
 public:
  enum class Kind : std::uint8_t { data, bdat };
  struct Context {
    const SessionOptions& options;
    const Envelope& envelope;
    SessionHooks& hooks;
    BlockPool& pool;
  };
  MessageIntake(Kind kind, const Context& context) noexcept;
  MessageIntake(const MessageIntake&) = delete;
  MessageIntake& operator=(const MessageIntake&) = delete;
  ~MessageIntake();

  [[nodiscard]] static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_frame(memory, size); }

  // The place for the bytes; `discard`: nobody wants them, only the message's id.
  void open(MessageSink& sink, bool discard) noexcept;
  // BDAT: a chunk begins.
  void begin_chunk(const BdatCommand& command) noexcept;

  enum class Status : std::uint8_t {
    need_more,  // `input` is used up
    pause,      // call make_room() and then take() again
    complete,   // the data, or the chunk, has ended; the rest of `input` is commands
  };
  // Takes message text off the front of `input`. Never suspends. `copy` as in MessageSink::write.
  [[nodiscard]] Status take(Slice& input, bool copy);
  // Sink or tap asked for a pause, or a message was refused whose sink is still there.
  [[nodiscard]] bool needs_room() const noexcept {
    return sink_asks_ || tap_asks_ || (refusal_ != Refusal::none && sink_ != nullptr);
  }
  [[nodiscard]] Task<void> make_room();
  // The message's data is complete: the header block is too, if it had no end of its own.
  void finish_text();

  [[nodiscard]] Task<Result<CommitReceipt>> commit(const Additions& additions);
  // Nothing when there is no sink any more.
  [[nodiscard]] Task<void> abort();
  // The client has been told that a chunk was refused: the message has ended, but not yet for the client.
  [[nodiscard]] Task<void> give_up();

  [[nodiscard]] Refusal refusal() const noexcept { return refusal_; }
  // Ends the message's hope; the first reason stays.
  void refuse(Refusal why) noexcept;
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] bool is_discarding() const noexcept { return discard_; }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

  [[nodiscard]] MessageSink* sink() const noexcept { return sink_; }
  [[nodiscard]] const HeaderView& headers() const noexcept { return *headers_; }
  [[nodiscard]] std::uint32_t received_fields() const noexcept { return scanner_.received_fields(); }
  [[nodiscard]] BodyStats stats() const noexcept;
  [[nodiscard]] std::uint64_t wire_bytes() const noexcept { return wire_bytes_; }
  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return chunk_bytes_; }

 private:
  [[nodiscard]] BodyStep step(std::string_view input) noexcept;
  [[nodiscard]] bool reader_refused() const noexcept;
  void store(Slice bytes, bool copy);
  [[nodiscard]] std::size_t scan_header(std::string_view text) noexcept;
  void headers_complete();

  Context context_;
  Kind kind_;
  Refusal refusal_ = Refusal::none;
  bool discard_ = false;
  bool sink_asks_ = false;  // for a pause
  bool tap_asks_ = false;   // likewise
  std::variant<DataReader, BdatReader> reader_;
  HeaderScanner scanner_;
  std::optional<HeaderView> headers_;  // from the moment the block is complete
  MessageSink* sink_ = nullptr;        // between open() and commit() or abort()
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t wire_bytes_ = 0;
  std::uint64_t chunk_bytes_ = 0;
  Error error_{};
};

}  // namespace postern::smtp
