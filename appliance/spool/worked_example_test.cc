// Holds docs/spool-format.md to the code: its worked example is the dump of what this test builds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "appliance/spool/batch_buffer.h"
#include "appliance/spool/record.h"
#include "appliance/spool/segment_format.h"
#include "engine/buffer/slice.h"

namespace postern::spool {
namespace {

std::vector<std::byte> build_example() {
  SegmentHeader header;
  header.key = {.number = 2, .incarnation = 0x8b3a6f51c9d2e047};
  header.segment_bytes = 16 << 20;
  header.created_us = 1'763'712'000'000'000;
  header.shard = 3;
  header.note_count = 1;
  header.notes[0] = {{.number = 1, .incarnation = 0x1c2d3e4f5a6b7c8d}, 12288};

  const Attribute attributes[] = {Attribute::text("protocol", "esmtp"), Attribute::number("host_port", 40000)};
  const Attribute notify[] = {Attribute::number("notify", 4)};
  const RecipientInput recipients[] = {{PeerView(std::string_view("b@example.net")), notify}};
  const HeaderEdit edits[] = {{HeaderPlace::at_start, "Received: by mx\r\n"}};
  const Chain content(Slice::literal("Subject: hi\r\n\r\nhello\r\n"));
  const CommitInput input{.id = *MessageId::parse("1vMM3k-030000-0H"),
                          .received = {1'763'712'000'123'456},
                          .sender = PeerView(std::string_view("a@example.org")),
                          .attributes = attributes,
                          .recipients = recipients,
                          .header_edits = edits,
                          .content = &content};
  OpenSegment segment;
  segment.header = header;
  segment.seed = crc_seed(header.key.incarnation);
  BatchBuffer batch(kBlockBytes);
  batch.begin(segment);
  static_cast<void>(batch.append(input, encoded_size(input)));
  const auto bytes = batch.finish(1);

  std::vector<std::byte> file(kFirstBatchOffset);
  encode_header(header, std::span(file).first<kBlockBytes>());
  encode_seal({.key = header.key,
               .end = kFirstBatchOffset + bytes.size(),
               .records = 1,
               .reason = SealReason::stopped,
               .sealed_us = 1'763'712'060'000'000},
              std::span(file).subspan<kSealOffset, kBlockBytes>());
  file.insert(file.end(), bytes.begin(), bytes.end());
  return file;
}

// Rows of 16 bytes; rows of zeros are left out.
std::vector<std::string> dump(const std::vector<std::byte>& bytes) {
  std::vector<std::string> rows;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    std::string hex;
    std::string text;
    bool zeros = true;
    for (std::size_t i = at; i < at + 16; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      zeros = zeros && byte == 0;
      hex += fmt::format("{:02x} ", byte);
      text += byte >= 32 && byte < 127 ? static_cast<char>(byte) : '.';
    }
    if (!zeros) rows.push_back(fmt::format("{:06x}  {} {}", at, hex, text));
  }
  return rows;
}

TEST(WorkedExample, StandsInTheDocumentAsTheCodeWritesIt) {
  const char* root = std::getenv("POSTERN_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "POSTERN_SOURCE_DIR is not set (ctest sets it)";
  std::ifstream file(std::string(root) + "/docs/spool-format.md");
  std::ostringstream text;
  text << file.rdbuf();
  std::vector<std::string> lines;
  std::istringstream in(text.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  auto at = lines.begin();
  for (const std::string& row : dump(build_example())) {
    at = std::find(at, lines.end(), row);
    ASSERT_NE(at, lines.end()) << "missing, or out of order:\n" << row;
  }
}

}  // namespace
}  // namespace postern::spool
