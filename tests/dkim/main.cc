// Verifies and signs messages, with keys from a file in place of the DNS:
//
//   dkim_check verify KEYS NOW [piece=BYTES] [hashes=sha1:sha256] < MESSAGES
//   dkim_check sign KEY NOW domain=D selector=S [canon=C] [sign_headers=H] [hash=H] [identity=I] [timestamps=SECONDS] <
//   MESSAGES
//
// KEYS has a line for each record: its name, a blank, its text. KEY is a private key. NOW is seconds since 1970. MESSAGES are
// any number of messages with CR LF line ends, each behind a line with its length in bytes. The body is fed in pieces of that
// many bytes. Answers with a line of JSON for each message: its signatures, or the field that signs it.
#include <sysexits.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "engine/coro/manual_scheduler.h"
#include "policy/dkim/signer.h"
#include "policy/dkim/verifier.h"
#include "policy/message/tag_list.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dkim {
namespace {

using Json = nlohmann::ordered_json;
using Options = std::map<std::string, std::string>;

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void read_keys(const std::string& path, dns::FakeResolver& resolver) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const std::size_t blank = line.find(' '); blank != line.npos)
      resolver.add_text(line.substr(0, blank), line.substr(blank + 1));
}

// A message in memory: its header as the session shows it, and its body.
class Message {
 public:
  explicit Message(std::string text) : text_(std::move(text)) {
    smtp::HeaderScanner scanner;
    header_bytes_ = scanner.step(text_);
    chain_.append(Slice::literal(text_));
    index_ = message::HeaderIndex(smtp::HeaderView(chain_, header_bytes_, pool_));
  }
  [[nodiscard]] const message::HeaderIndex& index() const { return index_; }
  void feed_body(message::BodyHashes& bodies, std::size_t piece) const {
    std::string_view rest = std::string_view(text_).substr(header_bytes_);
    while (!rest.empty()) {
      bodies.feed(rest.substr(0, piece));
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    bodies.finish();
  }

 private:
  std::string text_;
  std::size_t header_bytes_ = 0;
  Chain chain_;
  BlockPool pool_;
  message::HeaderIndex index_;
};

bool next_message(std::string& text) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  text.resize(std::stoul(line));
  return static_cast<bool>(std::cin.read(text.data(), static_cast<std::streamsize>(text.size())));
}

std::string joined(const std::vector<PeerText>& names) {
  std::string all;
  for (const PeerText& name : names) all += (all.empty() ? "" : ":") + std::string(name.view());
  return all;
}

Json describe(const SignatureResult& result) {
  const Signature& signature = result.signature;
  const ReasonWords& said = words(result.reason);
  Json json{{"status", to_string(result.status)},
            {"reason", said.exim},
            {"authres", said.authres},
            {"text", said.text},
            {"domain", printable(signature.domain)},
            {"selector", printable(signature.selector)},
            {"identity", printable(signature.identity)},
            {"algorithm", printable(signature.algorithm_text)},
            {"names", printable(joined(signature.names), 100'000)},
            {"key_bits", result.key_bits},
            {"body_bytes", result.body_bytes},
            {"unsigned_body_bytes", result.unsigned_body_bytes},
            {"oversigned", printable(joined(result.oversigned), 100'000)}};
  if (result.record) json["testing"] = result.record->testing;
  return json;
}

int verify(const std::string& keys, Options options) {
  ManualScheduler scheduler;
  scheduler.clock().set_wall({std::stoll(options["now"]) * 1'000'000});
  dns::FakeResolver resolver;
  resolver.know_at_once(true);
  read_keys(keys, resolver);
  KeyCache cache;
  VerifyPolicy policy;
  if (options.contains("hashes")) {
    policy.hashes.clear();
    std::string_view list = options["hashes"];
    for (bool more = true; more;)
      if (const auto hash = message::read_hash(message::next_item(list, ':', more))) policy.hashes.push_back(*hash);
  }
  const std::size_t piece = options.contains("piece") ? std::stoul(options["piece"]) : 65536;
  for (std::string text; next_message(text);) {
    const Message message(text);
    message::BodyHashes bodies;
    Verifier verifier(resolver, cache, policy);
    verifier.begin(message.index(), bodies, {});
    message.feed_body(bodies, piece);
    Json all = Json::array();
    for (const SignatureResult& result : testing::run_task(scheduler, verifier.finish({}))) all.push_back(describe(result));
    std::cout << all.dump() << '\n';
  }
  return EX_OK;
}

int refuse(const std::string& why) {
  std::cerr << "dkim_check: " << why << '\n';
  return EX_DATAERR;
}

int sign(const std::string& key_file, Options options) {
  std::string why;
  auto key = crypto::PrivateKey::read(read_file(key_file), why);
  if (!key) return refuse(why);
  const SignSettings settings{.domain = options["domain"],
                              .selector = options["selector"],
                              .identity = options["identity"],
                              .canon = options["canon"],
                              .sign_headers = options["sign_headers"],
                              .hash = options["hash"],
                              .timestamps = options["timestamps"]};
  auto signer = Signer::make(settings, std::make_shared<const crypto::PrivateKey>(std::move(*key)), why);
  if (!signer) return refuse(why);
  const WallTime now{std::stoll(options["now"]) * 1'000'000};
  for (std::string text; next_message(text);) {
    const Message message(text);
    message::BodyHashes bodies;
    signer->begin(message.index(), bodies, now);
    message.feed_body(bodies, options.contains("piece") ? std::stoul(options["piece"]) : 65536);
    const auto field = signer->finish(bodies, why);
    if (!field) return refuse(why);
    std::cout << Json(*field).dump() << '\n';
  }
  return EX_OK;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return EX_USAGE;
  Options options{{"now", arguments[2]}};
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    const std::size_t equals = std::min(arguments[i].find('='), arguments[i].size() - 1);
    options[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  if (arguments[0] == "verify") return verify(arguments[1], options);
  if (arguments[0] == "sign") return sign(arguments[1], options);
  return EX_USAGE;
}

}  // namespace
}  // namespace postern::dkim

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return postern::dkim::run({argv + 1, argv + argc});
}
