// What a daemon may answer, and what a configuration and a peer may have it told.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "policy/dcc/reply.h"
#include "policy/dcc/request.h"

namespace postern::dcc {

namespace {

// One text for all that came out.
std::string told(ReplyReader& reader) {
  if (reader.state() != ReplyReader::State::complete) return std::string(reader.why());
  Reply reply = reader.take();
  POSTERN_CHECK(reply.overall.size() <= kOverallBytesMax && reply.header.size() <= kHeaderBytesMax);
  const std::string_view header = reply.header.view();
  POSTERN_CHECK(header.empty() || (header.starts_with("X-DCC") && header.ends_with('\n')));
  for (std::size_t i = header.find('\n'); i + 1 < header.size(); i = header.find('\n', i + 1))
    POSTERN_CHECK(header[i + 1] == ' ' || header[i + 1] == '\t');
  std::string text = reply.overall + '\n' + reply.recipients + '\n' + std::string(header);
  const Result result = judge(std::move(reply));
  POSTERN_CHECK(result.status != Status::failed && result.letter.size() == 1);
  POSTERN_CHECK(!result.log.contains('\n'));
  return text + result.letter;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t recipients = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReplyReader whole(recipients);
  whole.feed(text);
  whole.end();
  ReplyReader in_bytes(recipients);
  for (const char c : text) in_bytes.feed({&c, 1});
  in_bytes.end();
  POSTERN_CHECK(told(whole) == told(in_bytes));

  if (const auto options = parse_options(text)) POSTERN_CHECK(!options->contains('\n'));
  if (const auto address = parse_daemon_address(text)) POSTERN_CHECK(!address->name().empty());
  (void)parse_client_override(text);
  const Request request{
      .client_name = PeerText(text), .helo = PeerText(text), .sender = PeerText(text), .recipients = {PeerText(text)}};
  if (const auto envelope = format_envelope(request)) POSTERN_CHECK(std::ranges::count(*envelope, '\n') == 6);
  return 0;
}

}  // namespace postern::dcc
