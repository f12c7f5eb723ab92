#include "appliance/language/read_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/peer_text.h"
#include "engine/buffer/chain.h"
#include "engine/coro/scheduler.h"
#include "net/tls/client.h"
#include "policy/lists/host_questions.h"

namespace postern::language {

namespace {

using expand::Answer;
using Connected = Result<std::unique_ptr<Stream>>;

// What the system says of it, without which of its calls.
std::string reason(const Error& error) {
  return error.os_errno != 0 ? std::strerror(error.os_errno) : std::string(to_string(error.code));
}

// A number, or the name of a service.
std::optional<std::uint16_t> read_port(std::string_view text, const config::Services& services) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port != 0) return port;
  const auto named = services.find(text);
  return named != services.end() ? std::optional(named->second) : std::nullopt;
}

// "host:port", "[2001:db8::1]:port".
struct Target {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<Target> read_target(std::string_view text, const config::Services& services) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return std::nullopt;
  const std::optional<std::uint16_t> port = read_port(text.substr(colon + 1), services);
  if (!port) return std::nullopt;
  Target target{.host = {}, .port = *port};
  text = text.substr(0, colon);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  target.host = text;
  return target;
}

Task<std::vector<IpAddress>> addresses_of(const ShardNeeds& needs, std::string host, Wait wait) {
  if (const auto address = IpAddress::parse(host)) co_return std::vector{*address};
  if (needs.resolver == nullptr) co_return std::vector<IpAddress>{};
  lists::HostAddresses found = co_await lists::look_up_addresses(*needs.resolver, std::move(host), {.wait = wait});
  co_return std::move(found.addresses);
}

Task<Connected> connect_to(const ShardNeeds& needs, Target target, Wait wait) {
  const std::vector<IpAddress> addresses = co_await addresses_of(needs, target.host, wait);
  Connected connected = failure(Errc::not_found, "host name");
  for (const IpAddress& address : addresses) {
    connected = co_await needs.connector->connect({address, target.port}, std::nullopt, wait);
    if (connected) break;
  }
  co_return std::move(connected);
}

Chain chain_of(BlockPool& blocks, std::string_view text) {
  Chain chain;
  for (std::size_t at = 0; at < text.size(); at += BlockPool::kLargest)
    chain.append(copy_to_slice(blocks, text.substr(at, BlockPool::kLargest)));
  return chain;
}

Task<Answer> converse(Stream& stream, BlockPool& blocks, const expand::ReadSocketQuestion& question, Wait wait) {
  if (!question.request.empty()) {
    Result<void> sent = co_await stream.write(chain_of(blocks, question.request), wait);
    if (sent) sent = co_await stream.drain(wait);
    if (!sent) co_return Answer::failed("request write to socket failed: " + reason(sent.error()));
  }
  if (question.shutdown) stream.shutdown();
  std::string text;
  for (;;) {
    Result<Slice> got = co_await stream.read(wait);
    if (!got && got.error().code == Errc::closed) co_return Answer::found(std::move(text), expand::Bytes::peers);
    if (!got && got.error().code == Errc::timed_out) co_return Answer::failed("socket read timed out");
    if (!got) co_return Answer::failed("error while reading from socket: " + reason(got.error()));
    if (got->size() > kSocketBytesMax - text.size())
      co_return Answer::failed(fmt::format("more than {} bytes came from the socket", kSocketBytesMax));
    text.append(got->view().data(), got->size());
  }
}

}  // namespace

Task<Answer> read_socket(ShardLanguage& language, expand::ReadSocketQuestion question, Wait wait) {
  const ShardNeeds& needs = language.needs();
  const std::string shown = printable(question.address, 256);
  if (needs.connector == nullptr) co_return Answer::failed("readsocket: there is no network here");
  wait.deadline = std::min(wait.deadline, Scheduler::current().now().plus_ms(question.timeout_ms));
  Connected connected = failure(Errc::invalid, "connect");
  std::string host = "localhost";
  if (question.address.starts_with("inet:")) {
    std::optional<Target> target = read_target(question.address.substr(5), language.language().services);
    if (!target)
      co_return Answer::failed(fmt::format(
          "readsocket: \"{}\" is no inet:host:port with a number or the name of a TCP service for the port", shown));
    host = target->host;
    connected = co_await connect_to(needs, *std::move(target), wait);
  } else {
    connected = co_await needs.connector->connect_local(std::string(question.address), wait);
  }
  if (!connected) co_return Answer::failed(fmt::format("failed to connect to socket {}: {}", shown, reason(connected.error())));
  std::unique_ptr<Stream> stream = std::move(*connected);
  if (question.tls) {
    tls::Secured secured = co_await language.socket_tls().secure(std::move(stream), std::move(host), language.blocks(), wait);
    if (!secured.stream)
      co_return Answer::failed(
          fmt::format("TLS with socket {} failed: {}", shown, secured.why.empty() ? reason(secured.error) : secured.why));
    stream = std::move(secured.stream);
  }
  Answer answer = co_await converse(*stream, language.blocks(), question, wait);
  co_await stream->close();
  co_return answer;
}

}  // namespace postern::language
