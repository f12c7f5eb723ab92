// The least of SMTP that a client needs to be rid of its mail. No syntax is checked and no address looked at: this is what the
// gateway's session is measured against, not an example of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::limit {

inline constexpr std::string_view kGreeting = "220 limit ESMTP\r\n";

// One connection's side of the conversation. Pure: bytes in, replies out.
class Dialogue {
 public:
  static constexpr std::size_t kLineBytesMax = 4096;
  static constexpr std::size_t kMessageBytesMax = std::size_t{1} << 20;

  enum class State : std::uint8_t {
    commands,  // takes commands, or the text of a message
    complete,  // a message stands in message(): answer() it
    broken,    // a line or a message was too long: close the connection
  };

  // Reads as much as makes sense now and appends the replies. Returns how many bytes were read: all of them, or those up to the
  // end of a message, or none when the state is not `commands`.
  std::size_t read(std::string_view input, std::string& replies);

  [[nodiscard]] State state() const noexcept { return state_; }
  // As received, dots still stuffed, without the line of the dot.
  [[nodiscard]] std::string_view message() const noexcept { return message_; }
  // Ends a complete message: the reply to it is appended, and commands are taken again.
  void answer(std::string_view reply, std::string& replies);

 private:
  std::size_t read_line(std::string_view input, std::string& replies);
  std::size_t read_text(std::string_view input);
  void obey(std::string_view line, std::string& replies);

  State state_ = State::commands;
  bool in_text_ = false;
  std::size_t matched_ = 0;  // bytes of CR LF . CR LF at the end of what was read of a text
  std::string line_;         // the part of a command that has arrived
  std::string message_;
};

}  // namespace postern::limit
