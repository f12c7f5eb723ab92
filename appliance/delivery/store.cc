#include "appliance/delivery/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "appliance/spool/attribute_names.h"
#include "appliance/spool/side_file.h"
#include "appliance/spool/side_file_sweep.h"
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

std::string origin_of(const spool::RecordKey& key) {
  return fmt::format("{:016x}.{:016x}.{}", key.segment.number, key.segment.incarnation, key.offset);
}

std::vector<spool::Attribute> copy_of(const spool::AttributeRange& attributes) {
  std::vector<spool::Attribute> copies;
  copies.reserve(attributes.size() + 1);
  for (const spool::Attribute& each : attributes) copies.push_back(each);
  return copies;
}

}  // namespace

bool is_copy(const spool::Record& record) {
  const Result<spool::MessageView> message = spool::parse_message(record.kind, record.bytes());
  return message && spool::find_attribute(message->attributes, spool::attribute::kCopyOf);
}

OwnStore::OwnStore(FileSystem& files, std::string directory, Random& random, spool::DamageReporter& damage)
    : files_(files),
      directory_(std::move(directory)),
      publisher_(slot_, -1),
      writer_(files, directory_, writer_options(), random, damage, &publisher_),
      ids_(files, directory_, spool::kDeliveryShard) {}

Task<Result<void>> OwnStore::start() {
  auto found = co_await spool::list_side_files(files_, directory_);
  if (!found) co_return failure(found.error());
  found_side_files_ = std::move(*found);
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

// The name may be there already: from a copy that a crash, or another try, left to nobody. A name stands for one message only.
Task<Result<void>> OwnStore::adopt_side_file(std::string path, std::string name) {
  const std::string folder = spool::side_file_directory(directory_);
  if (!has_side_files_) {
    if (const Result<void> made = co_await files_.make_directory(folder, 0700); !made) co_return made;
    if (const Result<void> synced = co_await files_.sync_directory(directory_); !synced) co_return synced;
    has_side_files_ = true;
  }
  const Result<void> linked = co_await files_.link_new(std::move(path), spool::side_file_path(directory_, name));
  if (!linked && linked.error().code != Errc::exists) co_return linked;
  co_return co_await files_.sync_directory(folder);
}

Task<Result<std::uint64_t>> OwnStore::sweep(StopSource& stop) {
  co_return co_await spool::sweep_side_files(files_, directory_, std::exchange(found_side_files_, {}), stop);
}

Task<Result<StoredCopy>> OwnStore::store_copy(spool::Record record, std::string from) {
  if (record.kind != spool::RecordKind::message && record.kind != spool::RecordKind::message_side_file)
    co_return failure(Errc::unsupported, "copy a message");
  const Result<spool::MessageView> message = spool::parse_message(record.kind, record.bytes());
  if (!message) co_return failure(message.error());
  StoredCopy stored;
  if (message->side_file && from != directory_) {
    stored.left_side_file = spool::side_file_path(from, message->side_file->name);
    const Result<void> adopted = co_await adopt_side_file(stored.left_side_file, std::string(message->side_file->name));
    if (!adopted) co_return failure(adopted.error());
  }

  const std::string origin = origin_of(record.key);
  std::vector<spool::Attribute> attributes = copy_of(message->attributes);
  std::erase_if(attributes, [](const spool::Attribute& each) { return each.name() == spool::attribute::kCopyOf; });
  attributes.push_back(spool::Attribute::text(spool::attribute::kCopyOf, origin));

  std::vector<std::vector<spool::Attribute>> recipient_attributes;
  std::vector<spool::RecipientInput> recipients;
  recipient_attributes.reserve(message->recipients.size());
  recipients.reserve(message->recipients.size());
  for (const spool::RecipientView& each : message->recipients) {
    recipient_attributes.push_back(copy_of(each.attributes));
    recipients.push_back({each.address, recipient_attributes.back()});
  }
  std::vector<spool::HeaderEdit> edits;
  for (const spool::HeaderEdit& each : message->header_edits) edits.push_back(each);
  Chain content;
  const auto at = static_cast<std::size_t>(message->content.data() - record.payload.data());
  if (!message->content.empty()) content.append(record.payload.sub(at, message->content.size()));

  spool::CommitInput input;
  input.id = message->id;
  input.received = message->received;
  input.sender = message->sender;
  input.attributes = attributes;
  input.recipients = recipients;
  input.header_edits = edits;
  input.content = &content;
  input.side_file = message->side_file;
  const Result<spool::CommitReceipt> receipt = co_await writer_.commit(input);
  if (!receipt) co_return failure(receipt.error());
  stored.receipt = *receipt;
  co_return stored;
}

Task<void> OwnStore::stop() {
  co_await ids_.stop();
  co_await writer_.stop();
}

}  // namespace postern::delivery
