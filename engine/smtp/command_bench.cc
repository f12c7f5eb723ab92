// What one command costs: the line, its path, its parameters, its reply.
#include "engine/smtp/command.h"

#include <benchmark/benchmark.h>

#include <string>

#include "engine/smtp/address.h"
#include "engine/smtp/params.h"
#include "engine/smtp/reply.h"
#include "engine/smtp/reply_texts.h"

namespace postern::smtp {
namespace {

constexpr std::size_t kLineBytesMax = 2048;
constexpr std::string_view kPipeline =
    "MAIL FROM:<bounce+list-4711@mx.example.org> SIZE=20480 BODY=8BITMIME\r\n"
    "RCPT TO:<first.last@example.com>\r\n"
    "DATA\r\n";

void parse_commands(benchmark::State& state) {
  for (auto _ : state) {
    std::string_view rest = kPipeline;
    while (!rest.empty()) {
      const ParseStep step = parse_command(rest, kLineBytesMax);
      benchmark::DoNotOptimize(step.command.verb);
      rest.remove_prefix(step.consumed);
    }
  }
  state.SetItemsProcessed(state.iterations() * 3);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPipeline.size()));
}
BENCHMARK(parse_commands);

void parse_mail_command(benchmark::State& state) {
  const AddressRules rules{.role = AddressRole::sender, .smtputf8 = true, .allow_missing_brackets = true};
  constexpr ExtensionSet kAdvertised = Extension::size | Extension::eight_bit_mime | Extension::smtputf8 | Extension::dsn;
  Address sender;
  for (auto _ : state) {
    const ParseStep step = parse_command(kPipeline, kLineBytesMax);
    const PathStep path = parse_path(behind_keyword(step.command.args, "FROM:").value_or(""), rules);
    const MailParamsStep params = parse_mail_params(path.rest, kAdvertised);
    sender.assign(path.mailbox);
    benchmark::DoNotOptimize(params);
    benchmark::DoNotOptimize(sender);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_mail_command);

void append_one_reply(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_reply(out, reply::kRecipientOk);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(append_one_reply);

}  // namespace
}  // namespace postern::smtp
