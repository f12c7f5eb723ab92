// Arbitrary bytes as the payload of a message record: what parses is written and parsed again, and says the same.
#include <cstdint>
#include <span>
#include <vector>

#include "appliance/spool/record.h"
#include "engine/base/check.h"
#include "engine/buffer/chain.h"

namespace postern::spool {
namespace {

std::vector<Attribute> collect(const AttributeRange& range) {
  std::vector<Attribute> items;
  for (const Attribute& attribute : range) items.push_back(attribute);
  return items;
}

// Owns the arrays that a CommitInput borrows.
struct Copy {
  explicit Copy(const MessageView& view) : attributes(collect(view.attributes)), content(Slice::literal(view.content)) {
    for (const HeaderEdit& edit : view.header_edits) edits.push_back(edit);
    for (const RecipientView& recipient : view.recipients) recipient_attributes.push_back(collect(recipient.attributes));
    std::size_t i = 0;
    for (const RecipientView& recipient : view.recipients) recipients.push_back({recipient.address, recipient_attributes[i++]});
    input = {.id = view.id,
             .received = view.received,
             .sender = view.sender,
             .attributes = attributes,
             .recipients = recipients,
             .header_edits = edits,
             .content = &content,
             .side_file = view.side_file};
  }
  std::vector<Attribute> attributes;
  std::vector<HeaderEdit> edits;
  std::vector<std::vector<Attribute>> recipient_attributes;
  std::vector<RecipientInput> recipients;
  Chain content;
  CommitInput input;
};

void check_same(const Copy& a, const Copy& b) {
  POSTERN_CHECK(a.input.id == b.input.id && a.input.received == b.input.received && a.input.sender == b.input.sender);
  POSTERN_CHECK(a.input.side_file == b.input.side_file);
  POSTERN_CHECK(a.attributes == b.attributes && a.edits == b.edits && a.recipient_attributes == b.recipient_attributes);
  POSTERN_CHECK(a.recipients.size() == b.recipients.size() && a.content.to_string() == b.content.to_string());
  for (std::size_t i = 0; i < a.recipients.size(); ++i) POSTERN_CHECK(a.recipients[i].address == b.recipients[i].address);
}

void check(RecordKind kind, std::span<const std::byte> payload) {
  const auto view = parse_message(kind, payload);
  if (!view) return;
  const Copy copy(*view);
  POSTERN_CHECK(record_kind(copy.input) == kind);
  std::vector<std::byte> bytes(encoded_size(copy.input));
  POSTERN_CHECK(bytes.size() == payload.size());
  encode_message(copy.input, 0, bytes.data());
  const auto again = parse_message(kind, bytes);
  POSTERN_CHECK(again.has_value());
  check_same(copy, Copy(*again));
}

}  // namespace
}  // namespace postern::spool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::spool;
  for (const auto kind : {RecordKind::message, RecordKind::message_side_file})
    check(kind, std::as_bytes(std::span(data, size)));
  return 0;
}
