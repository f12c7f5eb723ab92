#include <benchmark/benchmark.h>

#include <string>

#include "appliance/spool/batch_buffer.h"
#include "appliance/spool/batch_parse.h"
#include "appliance/spool/record.h"
#include "engine/buffer/block_pool.h"

namespace postern::spool {
namespace {

// A plain message: one recipient, a few attributes, one header field added; the content in receive buffers of 16 KiB.
struct Sample {
  explicit Sample(std::size_t bytes) {
    const std::string text(bytes, 'x');
    for (std::size_t at = 0; at < bytes; at += 16384)
      content.append(copy_to_slice(pool, std::string_view(text).substr(at, 16384)));
    input.content = &content;
  }
  BlockPool pool;
  Chain content;
  Attribute attributes[6] = {Attribute::text("protocol", "esmtp"),
                             Attribute::peer_text("helo", PeerView(std::string_view("client.example.org"))),
                             Attribute::text("host_address", "192.0.2.25"),
                             Attribute::number("host_port", 40000),
                             Attribute::text("body", "8BITMIME"),
                             Attribute::number("has_8bit", 0)};
  RecipientInput recipient{PeerView(std::string_view("recipient@example.net")), {}};
  HeaderEdit edit{HeaderPlace::at_start,
                  "Received: from client.example.org ([192.0.2.25])\r\n\tby gateway.example.net with esmtp\r\n\t"
                  "id 1r31eq-07000e-01\r\n\tfor recipient@example.net;\r\n\tSat, 21 Nov 2026 09:41:07 +0000\r\n"};
  CommitInput input{.sender = PeerView(std::string_view("sender@example.org")),
                    .attributes = attributes,
                    .recipients = {&recipient, 1},
                    .header_edits = {&edit, 1}};
};

OpenSegment make_segment() {
  OpenSegment segment;
  segment.header.key = {1, 0x1122334455667788};
  segment.header.segment_bytes = 1 << 30;
  segment.seed = crc_seed(segment.header.key.incarnation);
  return segment;
}

// Messages into a 4 MiB batch until it is full, as a writer does under load.
void append_messages(benchmark::State& state) {
  const Sample sample(static_cast<std::size_t>(state.range(0)));
  const OpenSegment segment = make_segment();
  BatchBuffer batch(4 << 20);
  std::int64_t bytes = 0;
  batch.begin(segment);
  for (auto _ : state) {
    const std::size_t payload = encoded_size(sample.input);
    if (!batch.has_room(payload)) {
      benchmark::DoNotOptimize(batch.finish(1));
      batch.clear();
      batch.begin(segment);
    }
    benchmark::DoNotOptimize(batch.append(sample.input, payload));
    bytes += static_cast<std::int64_t>(payload);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(append_messages)->Arg(0)->Arg(2048)->Arg(50 * 1024)->Arg(1 << 20);

// What recovery and readers do with a batch.
void check_batch(benchmark::State& state) {
  const Sample sample(static_cast<std::size_t>(state.range(0)));
  const OpenSegment segment = make_segment();
  BatchBuffer batch(4 << 20);
  batch.begin(segment);
  const std::size_t payload = encoded_size(sample.input);
  while (batch.has_room(payload)) static_cast<void>(batch.append(sample.input, payload));
  const auto bytes = batch.finish(1);
  for (auto _ : state) {
    const auto header = parse_batch_header(bytes, kFirstBatchOffset, segment.header);
    benchmark::DoNotOptimize(is_whole(header.value(), segment.seed, bytes.first(header->length)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(check_batch)->Arg(2048)->Arg(50 * 1024);

void parse_one(benchmark::State& state) {
  const Sample sample(2048);
  std::vector<std::byte> payload(encoded_size(sample.input));
  encode_message(sample.input, 0, payload.data());
  for (auto _ : state) benchmark::DoNotOptimize(parse_message(RecordKind::message, payload));
}
BENCHMARK(parse_one);

}  // namespace
}  // namespace postern::spool
