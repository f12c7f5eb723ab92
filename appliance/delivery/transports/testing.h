// For tests: messages as the spool would hand them out, and somebody who listens.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/delivery/transports/job.h"
#include "appliance/spool/attribute_names.h"
#include "appliance/spool/record.h"
#include "engine/base/check.h"
#include "engine/buffer/slice.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery::testing {

// A block that owns its bytes.
class OwnedBlock final : public BlockOwner {
 public:
  [[nodiscard]] static Slice slice_of(std::string bytes) {
    auto* owner = new OwnedBlock(std::move(bytes));
    return Slice(owner->block_, owner->bytes_.data(), owner->bytes_.size());
  }
  void release(Block&) noexcept override { delete this; }

 private:
  explicit OwnedBlock(std::string bytes)
      : bytes_(std::move(bytes)), block_(*this, bytes_.data(), static_cast<std::uint32_t>(bytes_.size())) {}
  std::string bytes_;
  Block block_;
};

struct MessageSpec {
  std::string sender = "s@send.example";
  std::vector<std::string> recipients = {"r@rcpt.example"};
  std::string content = "Subject: s\r\n\r\nbody\r\n";
  std::string side_file;  // what a side file holds behind `content`; only Stage stores one
  std::string received = "Received: by us\r\n";
  std::vector<spool::Attribute> attributes;
  std::vector<std::vector<spool::Attribute>> recipient_attributes;
  spool::RecordKey key{{1, 0x1a2b}, 8192};
  std::int64_t received_s = 1'700'000'000;
};

// The record's payload as the spool encodes it.
inline std::string encode(const MessageSpec& spec, std::string_view id = "1wLOs3-000008-0T") {
  Chain content;
  if (!spec.content.empty()) content.append(OwnedBlock::slice_of(spec.content));
  std::vector<spool::RecipientInput> recipients;
  for (std::size_t i = 0; i < spec.recipients.size(); ++i) {
    recipients.push_back({PeerView(spec.recipients[i]), {}});
    if (i < spec.recipient_attributes.size()) recipients.back().attributes = spec.recipient_attributes[i];
  }
  const spool::HeaderEdit edits[] = {{spool::HeaderPlace::at_start, spec.received}};
  spool::CommitInput input;
  input.id = spool::MessageId::parse(id).value();
  input.received = {spec.received_s * 1'000'000};
  input.sender = PeerView(spec.sender);
  input.attributes = spec.attributes;
  input.recipients = recipients;
  if (!spec.received.empty()) input.header_edits = edits;
  input.content = &content;
  std::string payload(spool::encoded_size(input), '\0');
  static_cast<void>(spool::encode_message(input, 0, reinterpret_cast<std::byte*>(payload.data())));
  return payload;
}

// A message with its views.
struct StoredMessage {
  explicit StoredMessage(const MessageSpec& spec) {
    record.key = spec.key;
    record.payload = OwnedBlock::slice_of(encode(spec));
    view = spool::parse_message(record.kind, record.bytes()).value();
    for (const spool::RecipientView& recipient : view.recipients) recipients.push_back(recipient);
    for (std::uint32_t i = 0; i < recipients.size(); ++i) all.push_back(i);
  }
  spool::Record record;
  spool::MessageView view;
  std::vector<spool::RecipientView> recipients;
  std::vector<std::uint32_t> all;
};

struct RecordedDelivery {
  std::vector<std::uint32_t> recipients;
  std::string host;
  bool reused = false;
  std::string confirmation;
  bool chunked = false;
  bool is_further = false;
};
struct RecordedProblem {
  std::vector<std::uint32_t> recipients;
  Problem problem;
};

class RecordedEvents final : public DeliveryEvents {
 public:
  void on_delivered(const Delivered& delivered) override {
    deliveries.push_back({{delivered.recipients.begin(), delivered.recipients.end()},
                          delivered.host != nullptr ? delivered.host->hop.to_string() : "",
                          delivered.host != nullptr && delivered.host->reused,
                          std::string(delivered.confirmation),
                          delivered.chunked,
                          delivered.is_further});
  }
  void on_problem(std::span<const std::uint32_t> recipients, const Problem& problem) override {
    problems.push_back({{recipients.begin(), recipients.end()}, problem});
  }
  void on_host_problem(const HostSeen& host, const Problem& problem) override {
    host_problems.push_back(host.hop.to_string() + " " + problem.text);
  }
  std::vector<RecordedDelivery> deliveries;
  std::vector<RecordedProblem> problems;
  void on_remark(std::string_view remark, bool is_serious) override {
    remarks.push_back((is_serious ? "!" : "") + std::string(remark));
  }
  std::vector<std::string> host_problems;
  std::vector<std::string> remarks;
};

class TestGuard final : public EndGuard {
 public:
  [[nodiscard]] Task<Result<void>> before_end() override {
    ++asked;
    co_return answer;
  }
  int asked = 0;
  Result<void> answer;
};

class NoVariables final : public expand::EvalContext {
 public:
  [[nodiscard]] std::string_view variable(expand::VariableId, std::string&) const override { return {}; }
};

}  // namespace postern::delivery::testing
