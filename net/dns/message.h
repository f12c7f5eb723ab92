// DNS messages (RFC 1035 section 4): questions written, replies read. Pure. What a reply says is looked at only once it is the
// reply to the question, and a reply is taken whole or not at all: a length that lies, a compression pointer that does not go
// back, or more records than kRecordsMax make it unreadable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/dns/resolver.h"

namespace postern::dns {

inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr std::size_t kMessageBytesMax = 65535;
inline constexpr std::size_t kDatagramBytesMax = 1232;  // what we say that we take (EDNS, RFC 6891 section 6.2.5)
inline constexpr std::size_t kRecordsMax = 512;         // of the answer section
inline constexpr std::size_t kAliasesMax = 16;

struct Question {
  std::string wire_name;  // from name_to_wire()
  Type type = Type::a;
};

struct QueryForm {
  bool edns = true;     // an OPT record (RFC 6891)
  bool dnssec = false;  // with the DO bit; needs edns
};
// A query that wants recursion, and the AD bit in its reply (RFC 6840 section 5.7).
[[nodiscard]] std::string make_query(std::uint16_t id, const Question& question, const QueryForm& form);

enum class ResponseCode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  nxdomain = 3,
  not_implemented = 4,
  refused = 5
};
// "SERVFAIL"; "response code 9" for one without a name here.
[[nodiscard]] std::string to_string(ResponseCode code);

struct ReplyHead {
  std::uint16_t id = 0;
  bool truncated = false;
  std::size_t question_end = 0;  // offset behind the question section
};
// Nothing when this is no reply with exactly one whole question.
[[nodiscard]] std::optional<ReplyHead> read_reply_head(std::string_view message);

struct Reply {
  ResponseCode code = ResponseCode::no_error;
  bool truncated = false;
  bool authentic_data = false;  // the AD bit; Answer::authenticated is left to whoever knows the server
  bool edns = false;            // it holds an OPT record
  Answer answer;                // status by code and records; temporary_failure with a `why` where they do not make sense
};
// Nothing when it cannot be read, or is not the reply to `question` under `id`. A truncated one has no records.
[[nodiscard]] std::optional<Reply> read_reply(std::string_view message, std::uint16_t id, const Question& question);

}  // namespace postern::dns
