#include "appliance/spool/spool_testing.h"

#include <algorithm>

namespace postern::spool::testing {

Chain TestMessage::make_chain(BlockPool& pool, std::size_t slices) const {
  Chain chain;
  const std::size_t step = std::min(content.size() / std::max<std::size_t>(slices, 1) + 1, BlockPool::kLargest);
  for (std::size_t at = 0; at < content.size(); at += step)
    chain.append(copy_to_slice(pool, std::string_view(content).substr(at, step)));
  return chain;
}

TestMessage make_message(std::uint32_t number, std::size_t bytes) {
  TestMessage message;
  message.id = MessageId({.seconds = 1'700'000'000, .shard = 7, .counter = number, .boot = 1});
  message.sender = "sender" + std::to_string(number) + "@example.org";
  message.recipients = {"rcpt" + std::to_string(number) + "@example.net", "other@example.net"};
  message.attributes = {Attribute::text("protocol", "esmtp"), Attribute::number("number", number),
                        Attribute::raw("from-the-future", static_cast<AttributeType>(77), "opaque")};
  message.recipient_attributes = {{Attribute::peer_text("orcpt", PeerView(std::string_view("rfc822;x@example.net")))}, {}};
  message.edits = {{HeaderPlace::at_start, "Received: by test\r\n"}};
  message.content = "Subject: " + std::to_string(number) + "\r\n\r\n";
  while (message.content.size() < bytes)
    message.content.push_back(static_cast<char>('a' + (message.content.size() + number) % 26));
  message.content.resize(bytes);
  return message;
}

template <class Item>
static std::vector<Item> collect(const detail::ItemRange<Item>& range) {
  std::vector<Item> items;
  for (const Item& item : range) items.push_back(item);
  return items;
}

bool same(const MessageView& view, const TestMessage& message) {
  if (view.id != message.id || view.sender.view() != message.sender || view.content != message.content) return false;
  if (collect(view.attributes) != message.attributes || collect(view.header_edits) != message.edits) return false;
  const std::vector<RecipientView> recipients = collect(view.recipients);
  if (recipients.size() != message.recipients.size()) return false;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (recipients[i].address.view() != message.recipients[i]) return false;
    if (collect(recipients[i].attributes) != message.recipient_attributes.at(i)) return false;
  }
  return true;
}

void World::turn() {
  scheduler.run();
  if (writer != nullptr) writer->flush();
}

void World::settle() {
  for (;;) {
    const std::uint64_t changes = files.changes();
    const std::size_t in_flight = files.in_flight();
    turn();
    scheduler.run();
    if (changes == files.changes() && in_flight == files.in_flight()) return;
  }
}

void World::run(Task<void> task) {
  Gate gate;
  gate.start(std::move(task));
  settle();
  POSTERN_CHECK(gate.inside() == 0);
}

bool World::make_directory(const std::string& path) {
  return run(files.make_directory(path, 0700)).has_value() && run(files.sync_directory(".")).has_value();
}

PendingCommit::PendingCommit(World& world, SegmentWriter& writer, TestMessage message, std::size_t slices)
    : world_(world), message_(std::move(message)) {
  gate_.start(run(writer, slices));
}

Task<void> PendingCommit::run(SegmentWriter& writer, std::size_t slices) {
  std::vector<RecipientInput> recipients;
  recipients.reserve(message_.recipients.size());
  for (std::size_t i = 0; i < message_.recipients.size(); ++i)
    recipients.push_back({PeerView(std::string_view(message_.recipients[i])), message_.recipient_attributes.at(i)});
  const Chain content = message_.make_chain(world_.blocks, slices);
  const CommitInput input{.id = message_.id,
                          .received = {1'700'000'000'123'456},
                          .sender = PeerView(std::string_view(message_.sender)),
                          .attributes = message_.attributes,
                          .recipients = recipients,
                          .header_edits = message_.edits,
                          .content = &content};
  const Result<CommitReceipt> outcome = co_await writer.commit(input);
  outcome_ = outcome;
}

std::vector<FoundRecord> read_segment(World& world, const std::string& path, SegmentKey key, std::uint64_t limit) {
  std::vector<FoundRecord> found;
  auto reader = world.run(SegmentReader::open(world.files, path, key, world.pool, world.reporter));
  POSTERN_CHECK(reader.has_value());
  for (;;) {
    while (const std::optional<Record> record = (*reader)->take()) {
      const auto view = parse_message(record->kind, record->bytes());
      POSTERN_CHECK(view.has_value());
      found.push_back({record->key, view->id, std::string(view->content), record->record_bytes});
    }
    const auto more = world.run((*reader)->fetch(limit));
    POSTERN_CHECK(more.has_value());
    if (!*more) return found;
  }
}

std::vector<FoundRecord> read_directory(World& world, const std::string& directory, std::optional<DurablePosition> current) {
  std::vector<FoundRecord> found;
  const SegmentDirectory segments(world.files, directory);
  const auto listed = world.run(segments.list());
  if (!listed) return found;
  for (const SegmentInfo& info : *listed) {
    if (info.state != HeaderState::good) continue;
    std::optional<std::uint64_t> end = final_end(info, *listed);
    if (current && current->segment == info.header.key) end = current->offset;
    if (!end) continue;
    for (FoundRecord& record : read_segment(world, info.path, info.header.key, *end)) found.push_back(std::move(record));
  }
  return found;
}

WriterOptions small_options(std::uint64_t segment_bytes, std::size_t batch_bytes) {
  return {.shard = ShardId{7}, .segment_bytes = segment_bytes, .batch_bytes = batch_bytes};
}

}  // namespace postern::spool::testing
