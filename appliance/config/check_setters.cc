// The main options of checks.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/main_setters.h"
#include "engine/base/peer_text.h"
#include "policy/lists/list_text.h"
#include "policy/message/signature_words.h"
#include "policy/spf/record.h"

namespace postern::config {
namespace {

// The words of a list, each read by `read`; a word that cannot be is an error that names it.
template <class Value, class Read>
void set_words(std::vector<Value>& values, const Setting& setting, const OptionReader& reader, Read read,
               std::string_view known) {
  const auto text = reader.text(setting);
  if (!text) return;
  std::vector<Value> found;
  lists::ListReader items(text->view());
  for (std::string item; items.next(item);) {
    const std::optional<Value> value = read(item);
    if (!value) return reader.error(setting, fmt::format("\"{}\" is none of {}", printable(item, 64), known));
    found.push_back(*value);
  }
  values = std::move(found);
}

std::optional<crypto::KeyType> read_key_type(std::string_view word) {
  if (word == "rsa") return crypto::KeyType::rsa;
  if (word == "ed25519") return crypto::KeyType::ed25519;
  return std::nullopt;
}

}  // namespace

void set_dkim_verify_hashes(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_words(draft.dkim_verify.hashes, setting, reader, message::read_hash, "sha256, sha512 and sha1");
}

void set_dkim_verify_keytypes(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  set_words(draft.dkim_verify.key_types, setting, reader, read_key_type, "ed25519 and rsa");
}

// "rsa=1024 ed25519=250"
void set_dkim_verify_min_keysizes(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  std::string_view rest = text->view();
  while (!(rest = lists::trim(rest)).empty()) {
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
    rest.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    const std::optional<crypto::KeyType> type = read_key_type(word.substr(0, equals));
    unsigned bits = 0;
    const std::string_view digits = equals == word.npos ? std::string_view() : word.substr(equals + 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (!type || digits.empty() || failed != std::errc() || end != digits.data() + digits.size())
      return reader.error(setting, fmt::format("\"{}\" is not of the form rsa=1024 or ed25519=250", printable(word, 64)));
    (*type == crypto::KeyType::rsa ? draft.dkim_verify.rsa_bits_min : draft.dkim_verify.ed25519_bits_min) = bits;
  }
}

void set_dkim_verify_minimal(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  if (const auto value = reader.boolean(setting)) draft.dkim_verify.minimal = *value;
}

void set_spf_guess(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  spf::RecordError why;
  if (!spf::is_record(text->view())) return reader.error(setting, "an SPF record begins with \"v=spf1\"");
  if (!spf::read_record(text->view(), why)) return reader.error(setting, std::move(why.message));
  draft.spf_guess = std::string(text->view());
}

void set_spf_smtp_comment_template(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.text(setting);
  if (!text) return;
  if (!spf::is_smtp_comment(text->view()))
    return reader.error(setting, "it is no text with the macros of SPF: a % stands as %%, a blank may stand as %_");
  draft.spf_smtp_comment_template = std::string(text->view());
}

void set_dccifd_address(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text || text->view().empty()) return;
  auto address = dcc::parse_daemon_address(text->view());
  if (!address) return reader.error(setting, address.error());
  draft.dccifd_address = *std::move(address);
}

void set_dccifd_options(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text) return;
  auto options = dcc::parse_options(text->view());
  if (!options) return reader.error(setting, options.error());
  draft.dccifd_options = *std::move(options);
}

void set_dmarc_history_file(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text || text->view().empty()) return;
  if (!text->view().starts_with('/')) return reader.error(setting, "the name must be absolute, beginning with /");
  draft.dmarc_history_file = std::string(text->view());
}

// Reads the list. As in Exim, mail is taken without one.
void set_dmarc_tld_file(MainDraft& draft, const Setting& setting, const OptionReader& reader) {
  const auto text = reader.expanded(setting);
  if (!text || text->view().empty()) return;
  std::string why;
  draft.dmarc_suffixes = psl::PublicSuffixList::load(std::string(text->view()), why);
  if (draft.dmarc_suffixes == nullptr) reader.warning(setting, why);
}

}  // namespace postern::config
