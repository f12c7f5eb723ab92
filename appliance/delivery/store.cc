#include "appliance/delivery/store.h"

#include <utility>

#include "appliance/spool/attribute_names.h"
#include "engine/base/utf8.h"

namespace postern::delivery {

namespace {

// Bounces are few and small.
spool::WriterOptions writer_options() {
  spool::WriterOptions options;
  options.shard = spool::kDeliveryShard;
  options.segment_bytes = 8ULL << 20;
  options.batch_bytes = 1UL << 20;
  options.free_segments_max = 2;
  options.register_buffers = false;
  return options;
}

}  // namespace

OwnStore::OwnStore(FileSystem& files, std::string directory, Random& random, spool::DamageReporter& damage)
    : directory_(std::move(directory)),
      publisher_(slot_, -1),
      writer_(files, directory_, writer_options(), random, damage, &publisher_),
      ids_(files, directory_, spool::kDeliveryShard) {}

Task<Result<void>> OwnStore::start() {
  const Result<void> started = co_await writer_.start();
  if (!started) co_return started;
  const Result<void> ids = co_await ids_.start();
  if (!ids) co_await writer_.stop();
  co_return ids;
}

Task<Result<std::uint64_t>> OwnStore::store_report(spool::MessageId id, WallTime now, std::string_view to,
                                                   std::string_view received, std::string_view text) {
  Chain content;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view part = rest.substr(0, BlockPool::kLargest);
    content.append(copy_to_slice(blocks_, part));
    rest.remove_prefix(part.size());
  }
  const spool::HeaderEdit top[] = {{spool::HeaderPlace::at_start, received}};
  const spool::Attribute attributes[] = {spool::Attribute::text(spool::attribute::kProtocol, "local"),
                                         spool::Attribute::number(spool::attribute::kHas8Bit, is_ascii(text) ? 0 : 1)};
  const PeerText recipient(to);
  const spool::RecipientInput recipients[] = {{recipient, {}}};
  spool::CommitInput input;
  input.id = id;
  input.received = now;
  input.attributes = attributes;
  input.recipients = recipients;
  input.header_edits = top;
  input.content = &content;
  const Result<spool::CommitReceipt> receipt = co_await writer_.commit(input);
  if (!receipt) co_return failure(receipt.error());
  co_return received.size() + text.size();
}

Task<void> OwnStore::stop() {
  co_await ids_.stop();
  co_await writer_.stop();
}

}  // namespace postern::delivery
