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
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/coro/manual_scheduler.h"
#include "policy/dkim/signer.h"
#include "policy/dkim/verifier.h"
#include "policy/message/tag_list.h"
#include "tests/dkim/messages.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/run_task.h"

namespace postern::dkim {
namespace {

using Json = nlohmann::ordered_json;
using Options = std::map<std::string, std::string>;
using tests::Message;
using tests::next_message;
using tests::read_file;
using tests::read_keys;

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
