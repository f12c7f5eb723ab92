// The expansion that every message pays for: its Received: header.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/evaluate.h"

namespace {

using namespace postern::expand;

class Scene final : public EvalContext {
 public:
  std::string_view variable(VariableId id, std::string&) const override {
    switch (id) {
      case VariableId::sender_rcvhost: return "[192.0.2.1] (helo=client.example)";
      case VariableId::primary_hostname: return "mx.example.org";
      case VariableId::received_protocol: return "esmtp";
      case VariableId::version_number: return "0.1";
      case VariableId::sender_address: return "someone@client.example";
      case VariableId::message_exim_id: return "1wlos3-000008-0T";
      case VariableId::received_for: return "user@example.org";
      default: return {};
    }
  }
};

void BM_ReceivedHeader(benchmark::State& state) {
  Diagnostics diagnostics;
  const auto program = compile(
      ConfigTextForTest::line("Received: ${if def:sender_rcvhost {from $sender_rcvhost\\n\\t}{${if def:sender_helo_name "
                              "{(helo=$sender_helo_name)\\n\\t}}}}by $primary_hostname ${if def:received_protocol {with "
                              "$received_protocol }}${if def:tls_in_ver { ($tls_in_ver)}}(Postern $version_number)\\n\\t${if "
                              "def:sender_address {(envelope-from <$sender_address>)\\n\\t}}id $message_exim_id${if "
                              "def:received_for {\\n\\tfor $received_for}}"),
      diagnostics);
  const Scene scene;
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(evaluate(*program, scene, out));
  }
}
BENCHMARK(BM_ReceivedHeader);

}  // namespace
