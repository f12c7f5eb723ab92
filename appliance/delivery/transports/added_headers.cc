#include "appliance/delivery/transports/added_headers.h"

#include <string_view>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"

namespace postern::delivery {

namespace {

using smtp::CharClass;

std::string envelope_to(const TransportJob& job, std::span<const std::uint32_t> recipients) {
  std::string field = "Envelope-to: ";
  for (std::size_t i = 0; i < recipients.size(); ++i)
    field.append(i == 0 ? "" : ",\r\n\t").append(job.recipients[recipients[i]].address.view());
  return field + "\r\n";
}

bool is_field_start(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == line.npos) return false;
  for (const char c : line.substr(0, colon))
    if (c <= ' ' || c >= 127) return false;
  return true;
}

// Lines of whatever ends into whole fields. False for a line that neither begins a field nor continues one.
bool append_fields(std::string_view text, std::string& out) {
  bool in_field = false;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const bool continues = smtp::is(CharClass::blank, line.front());
    if (continues ? !in_field : !is_field_start(line)) return false;
    if (line.find('\r') != line.npos) return false;
    in_field = true;
    out.append(line).append("\r\n");
  }
  return true;
}

}  // namespace

AddedHeaders added_headers(const config::Transport& transport, const TransportJob& job,
                           std::span<const std::uint32_t> recipients, const expand::EvalContext& variables, WallTime now) {
  AddedHeaders added;
  if (transport.return_path_add) added.top.append("Return-path: <").append(job.return_path).append(">\r\n");
  if (transport.envelope_to_add) added.top += envelope_to(job, recipients);
  if (transport.delivery_date_add) added.top += "Delivery-date: " + format_rfc5322_time(now) + "\r\n";
  if (!transport.headers_add) return added;
  std::string text;
  const expand::EvalResult expanded = expand::evaluate(*transport.headers_add, variables, text);
  if (expanded.status == expand::EvalStatus::forced_failure) return added;  // adds nothing, as in Exim
  if (!expanded) {
    added.why = "failed to expand headers_add: " + printable(expanded.why);
  } else if (!append_fields(text, added.bottom)) {
    added.why = "headers_add is not a header: " + printable(text);
  }
  return added;
}

}  // namespace postern::delivery
