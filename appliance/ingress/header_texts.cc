#include "appliance/ingress/header_texts.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "engine/base/peer_text.h"
#include "engine/smtp/chars.h"

namespace postern::ingress {
namespace {

constexpr std::size_t kHeaderShownBytes = 16 * 1024;
constexpr std::size_t kSubjectShownMax = 1000;

// The letter that Exim puts before a header line.
char letter_of(std::string_view name) {
  struct Row {
    std::string_view name;
    char letter;
  };
  static constexpr auto kRows = std::to_array<Row>({{"Bcc", 'B'},
                                                    {"Cc", 'C'},
                                                    {"From", 'F'},
                                                    {"Message-ID", 'I'},
                                                    {"Received", 'P'},
                                                    {"Reply-To", 'R'},
                                                    {"Sender", 'S'},
                                                    {"To", 'T'}});
  for (const Row& row : kRows)
    if (smtp::equal_ignoring_case(row.name, name)) return row.letter;
  return ' ';
}

}  // namespace

void append_message_id(std::string& out, const smtp::HeaderView& headers) {
  const auto field = headers.find("Message-ID");
  if (!field) return;
  std::string_view value = field->trimmed().view();
  if (const std::size_t open = value.find('<'); open != std::string_view::npos) {
    value.remove_prefix(open + 1);
    value = value.substr(0, value.find('>'));
  }
  append_printable(out, value, 256);
}

bool append_subject(std::string& out, const smtp::HeaderView& headers) {
  const auto field = headers.find("Subject");
  if (!field) return false;
  std::string plain;
  for (const char c : field->trimmed().view().substr(0, kSubjectShownMax)) {
    if (c != '\r') plain += c;  // a fold is shown as \n
  }
  // A backslash becomes two by itself.
  for (std::string_view rest = plain; !rest.empty();) {
    const std::size_t quote = std::min(rest.find('"'), rest.size());
    append_printable(out, rest.substr(0, quote), kSubjectShownMax);
    if (quote < rest.size()) out += "\\\"";
    rest.remove_prefix(std::min(quote + 1, rest.size()));
  }
  return true;
}

void append_rejected_header(std::string& out, const smtp::Envelope& envelope, std::string_view header) {
  out += "\nEnvelope-from: <";
  append_printable(out, envelope.sender().address.text().view());
  out += '>';
  bool is_first = true;
  for (const smtp::Recipient& recipient : envelope.recipients()) {
    if (out.size() > kHeaderShownBytes) break;
    out += std::exchange(is_first, false) ? "\nEnvelope-to: <" : "\n    <";
    append_printable(out, recipient.address.text().view());
    out += '>';
  }
  std::string_view rest = header;
  while (const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(rest)) {
    if (out.size() > kHeaderShownBytes) {
      out += "\n...";
      break;
    }
    const std::string_view name = field->name.view();
    out += '\n';
    out += letter_of(name);
    out += ' ';
    append_printable(out, name);
    if (!name.empty()) out += ':';
    // Folds stay lines of their own; each begins with a blank, so that none can be taken for a line of the log.
    std::string_view value = field->value.view();
    for (bool is_first_line = true; is_first_line || !value.empty(); is_first_line = false) {
      std::size_t end = std::min(value.find("\r\n"), value.size());
      if (!is_first_line && end > 0) {
        out += value.front() == '\t' ? "\n\t" : "\n ";
        value.remove_prefix(1);
        --end;
      }
      append_printable(out, value.substr(0, end), 1000);
      value.remove_prefix(std::min(end + 2, value.size()));
    }
  }
}

}  // namespace postern::ingress
