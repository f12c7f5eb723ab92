#include "appliance/delivery/bounce.h"

#include <fmt/format.h>

#include <optional>

#include "appliance/spool/attribute_names.h"
#include "engine/base/peer_text.h"
#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"
#include "engine/smtp/header_view.h"
#include "engine/smtp/params.h"

namespace postern::delivery {

namespace {

using smtp::EnhancedCode;

constexpr std::string_view kEnd = "\r\n";
constexpr std::size_t kRecipientsPerField = 50;
constexpr std::size_t kDiagnosticMax = 950;  // a line may have 998 bytes
constexpr std::size_t kMessageIdMax = 500;
constexpr EnhancedCode kExpired{5, 4, 7};

std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [sequence](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  std::uint32_t value = byte(0);
  if (sequence.size() > 1) value &= 0x7fU >> sequence.size();
  for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (byte(i) & 0x3fU);
  return value;
}

// Printable ASCII: other bytes as \x{...}, as far as they are UTF-8, else as ?.
std::string ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_sequence_length(text), 1);
    const auto first = static_cast<unsigned char>(text.front());
    if (length > 1)
      out += fmt::format("\\x{{{:X}}}", code_point(text.substr(0, length)));
    else
      out += first >= ' ' && first < 127 ? text.front() : '?';
    text.remove_prefix(length);
  }
  return out;
}

EnhancedCode status_of(const FailedRecipient& failed) {
  if (failed.timed_out) return kExpired;
  const EnhancedCode status = failed.problem->status;
  return status.status_class == 5 ? status : EnhancedCode{5, status.subject, status.detail};
}

// A socket is this machine's, and of no use to the sender.
bool has_remote_host(const Problem& problem) { return problem.host && !problem.host->hop.is_socket(); }

std::optional<spool::Attribute> attribute_of(const spool::AttributeRange& attributes, std::string_view name) {
  return spool::find_attribute(attributes, name);
}

std::string decoded_envid(const spool::MessageView& message) {
  const auto envid = attribute_of(message.attributes, spool::attribute::kDsnEnvid);
  std::string text;
  if (envid && envid->as_peer_text() && smtp::append_xtext_decoded(text, envid->as_peer_text()->view())) return ascii(text);
  return {};
}

// The Message-ID of the original, for References:; nothing when there is none or it is odd.
std::string original_message_id(std::string_view header) {
  while (const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(header)) {
    if (!smtp::equal_ignoring_case(field->name.view(), "message-id")) continue;
    const std::string_view id = field->trimmed().view();
    const bool is_plain = id.size() < kMessageIdMax && id.starts_with('<') && id.ends_with('>') && is_ascii(id) &&
                          id.find_first_of(" \t\r\n") == id.npos;
    return is_plain ? std::string(id) : std::string();
  }
  return {};
}

void append_failed_recipients_fields(std::string& out, std::span<const FailedRecipient> failed) {
  for (std::size_t i = 0; i < failed.size(); ++i) {
    const bool is_first = i % kRecipientsPerField == 0;
    out += is_first ? "X-Failed-Recipients: " : "\t";
    out += ascii(failed[i].recipient.address.view());
    const bool is_last = i + 1 == failed.size() || (i + 1) % kRecipientsPerField == 0;
    out += is_last ? kEnd : std::string_view(",\r\n");
  }
}

void append_header(std::string& out, const BounceInput& input, bool is_8bit) {
  append_failed_recipients_fields(out, input.failed);
  out += "Auto-Submitted: auto-replied\r\n";
  out += fmt::format("From: {}\r\n", ascii(input.from).substr(0, kDiagnosticMax));
  out += fmt::format("To: {}\r\n", ascii(input.to));
  out += "Subject: Mail delivery failed: returning message to sender\r\n";
  const std::string references = original_message_id(input.original_header);
  if (!references.empty()) out += fmt::format("References: {}\r\n", references);
  out += fmt::format("Message-Id: <E{}@{}>\r\n", input.id, input.hostname);
  out += fmt::format("Date: {}\r\n", format_rfc5322_time(input.now));
  out += "MIME-Version: 1.0\r\n";
  out += fmt::format("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{}\"\r\n", input.boundary);
  if (is_8bit) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += kEnd;
}

void append_text_part(std::string& out, const BounceInput& input) {
  out += fmt::format("--{}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", input.boundary);
  out +=
      fmt::format("This report was written by the mail gateway {}; nobody reads replies to it.\r\n\r\n", ascii(input.hostname));
  out += "Your message has not reached the recipients below. It will not be tried again.\r\n\r\n";
  for (const FailedRecipient& failed : input.failed) {
    const Problem& problem = *failed.problem;
    out += fmt::format("  {}\r\n", ascii(failed.recipient.address.view()));
    if (has_remote_host(problem))
      out += fmt::format("    host {} [{}]\r\n", ascii(problem.host->name), problem.host->hop.address.address.to_string());
    std::string why = ascii(problem.text.empty() ? "the host could not be reached" : problem.text).substr(0, kDiagnosticMax);
    if (failed.timed_out) why += ": retry timeout exceeded";
    out += fmt::format("    {}\r\n", why);
  }
  out += kEnd;
}

void append_recipient_status(std::string& out, const FailedRecipient& failed, WallTime now) {
  const Problem& problem = *failed.problem;
  out += kEnd;
  const auto orcpt = attribute_of(failed.recipient.attributes, spool::attribute::kOrcpt);
  if (orcpt && orcpt->as_peer_text()) out += fmt::format("Original-Recipient: {}\r\n", ascii(orcpt->as_peer_text()->view()));
  out += fmt::format("Final-Recipient: {}\r\n", typed_address(failed.recipient.address.view()));
  out += "Action: failed\r\n";
  const EnhancedCode status = status_of(failed);
  out += fmt::format("Status: {}.{}.{}\r\n", status.status_class, status.subject, status.detail);
  if (has_remote_host(problem)) out += fmt::format("Remote-MTA: dns; {}\r\n", ascii(problem.host->name));
  if (!problem.diagnostic.empty())
    out += fmt::format("Diagnostic-Code: smtp; {}\r\n", ascii(problem.diagnostic).substr(0, kDiagnosticMax));
  out += fmt::format("Last-Attempt-Date: {}\r\n", format_rfc5322_time(now));
}

void append_status_part(std::string& out, const BounceInput& input) {
  out += fmt::format("--{}\r\nContent-Type: message/delivery-status\r\n\r\n", input.boundary);
  out += fmt::format("Reporting-MTA: dns; {}\r\n", ascii(input.hostname));
  const std::string envid = decoded_envid(input.original);
  if (!envid.empty()) out += fmt::format("Original-Envelope-Id: {}\r\n", envid);
  out += fmt::format("Arrival-Date: {}\r\n", format_rfc5322_time(input.original.received));
  for (const FailedRecipient& failed : input.failed) append_recipient_status(out, failed, input.now);
  out += kEnd;
}

void append_header_part(std::string& out, const BounceInput& input, bool is_8bit) {
  out += fmt::format("--{}\r\nContent-Type: text/rfc822-headers\r\n", input.boundary);
  if (is_8bit) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += kEnd;
  out += input.original_header;
  out += kEnd;
}

}  // namespace

std::string typed_address(std::string_view address) {
  return fmt::format("{};{}", is_ascii(address) ? "rfc822" : "utf-8", ascii(address));
}

bool wants_failure_report(const spool::RecipientView& recipient) {
  const auto notify = attribute_of(recipient.attributes, spool::attribute::kNotify);
  const std::int64_t set = notify ? notify->as_number().value_or(0) : 0;
  return set == 0 || (set & smtp::kNotifyFailure) != 0;
}

std::string make_bounce(const BounceInput& input) {
  const bool is_8bit = input.returns_header && !is_ascii(input.original_header);
  std::string out;
  append_header(out, input, is_8bit);
  append_text_part(out, input);
  append_status_part(out, input);
  if (input.returns_header) append_header_part(out, input, is_8bit);
  out += fmt::format("--{}--\r\n", input.boundary);
  return out;
}

}  // namespace postern::delivery
