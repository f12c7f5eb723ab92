// Verifies the ARC chains of messages and seals them, with keys from a file in place of the DNS:
//
//   arc_check verify KEYS NOW [piece=BYTES] < MESSAGES
//   arc_check seal KEY NOW identity=ID selector=S [options=O] [sign_headers=H] [verified=none|pass|fail] < MESSAGES
//
// Files and messages are as dkim_check has them. Without `verified` what the message's Authentication-Results say counts.
// Answers with a line of JSON for each message: what is found of its chain; or the fields that seal it, or why none do.
#include <sysexits.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/coro/manual_scheduler.h"
#include "policy/arc/sealer.h"
#include "policy/arc/verifier.h"
#include "tests/dkim/messages.h"
#include "tests/fakes/run_task.h"

namespace postern::arc {
namespace {

using Json = nlohmann::ordered_json;
using Options = std::map<std::string, std::string>;
using tests::Message;

Json describe(const Result& result) {
  Json sets = Json::array();
  for (const SetResult& set : result.sets)
    sets.push_back({{"instance", set.instance},
                    {"domain", printable(set.domain)},
                    {"selector", printable(set.selector)},
                    {"signature_domain", printable(set.signature_domain)},
                    {"signature_selector", printable(set.signature_selector)},
                    {"results_id", printable(set.results_id)},
                    {"remote_ip", printable(set.remote_ip)}});
  return {{"status", to_string(result.status)},
          {"reason", result.reason},
          {"temporary", result.temporary},
          {"ended", result.ended},
          {"instances", result.instances()},
          {"oldest_pass", result.oldest_pass},
          {"domains", printable(result.domains(), 100'000)},
          {"sets", std::move(sets)}};
}

std::size_t piece_of(const Options& options) {
  const auto found = options.find("piece");
  return found != options.end() ? std::stoul(found->second) : 65536;
}

int verify(const std::string& keys, const Options& options, std::int64_t now) {
  ManualScheduler scheduler;
  scheduler.clock().set_wall({now * 1'000'000});
  dns::FakeResolver resolver;
  resolver.know_at_once(true);
  tests::read_keys(keys, resolver);
  dkim::KeyCache cache;
  for (std::string text; tests::next_message(text);) {
    const Message message(text);
    message::BodyHashes bodies;
    Verifier verifier(resolver, cache, {});
    verifier.begin(message.index(), bodies, {});
    message.feed_body(bodies, piece_of(options));
    std::cout << describe(postern::testing::run_task(scheduler, verifier.finish({}))).dump() << '\n';
  }
  return EX_OK;
}

int refuse(const std::string& why) {
  std::cerr << "arc_check: " << why << '\n';
  return EX_DATAERR;
}

std::optional<ChainStatus> read_status(const std::string& word) {
  for (const ChainStatus status : {ChainStatus::none, ChainStatus::fail, ChainStatus::pass})
    if (to_string(status) == word) return status;
  return std::nullopt;
}

int seal(const std::string& key_file, Options options, std::int64_t now) {
  std::string why;
  auto key = crypto::PrivateKey::read(tests::read_file(key_file), why);
  if (!key) return refuse(why);
  auto settings = read_arc_sign(options["identity"] + " : " + options["selector"] + " : key : " + options["options"], why);
  if (!settings) return refuse(why);
  settings->sign_headers = options["sign_headers"];
  auto sealer = Sealer::make(*settings, std::make_shared<const crypto::PrivateKey>(std::move(*key)), why);
  if (!sealer) return refuse(why);
  for (std::string text; tests::next_message(text);) {
    const Message message(text);
    message::BodyHashes bodies;
    const std::optional<ChainStatus> verified =
        options.contains("verified") ? read_status(options["verified"]) : recorded_status(message.index(), settings->identity);
    if (!sealer->begin(message.index(), bodies, verified, {now * 1'000'000}, why)) {
      std::cout << Json{{"why", why}}.dump() << '\n';
      continue;
    }
    message.feed_body(bodies, piece_of(options));
    const auto fields = sealer->finish(bodies, why);
    if (!fields) return refuse(why);
    std::cout << Json{{"fields", *fields}}.dump() << '\n';
  }
  return EX_OK;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return EX_USAGE;
  Options options;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    const std::size_t equals = std::min(arguments[i].find('='), arguments[i].size() - 1);
    options[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  const std::int64_t now = std::stoll(arguments[2]);
  if (arguments[0] == "verify") return verify(arguments[1], options, now);
  if (arguments[0] == "seal") return seal(arguments[1], options, now);
  return EX_USAGE;
}

}  // namespace
}  // namespace postern::arc

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  return postern::arc::run({argv + 1, argv + argc});
}
