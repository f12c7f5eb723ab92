#include "policy/dkim/key_record.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/smtp/chars.h"
#include "policy/expand/text_base64.h"
#include "policy/message/signature_words.h"
#include "policy/message/tag_list.h"

namespace postern::dkim {

namespace {

using message::Tag;
using message::TagList;

template <class Use>
void each_word(std::string_view list, Use&& use) {
  for (bool more = true; more;) use(message::next_item(list, ':', more));
}

std::vector<crypto::Hash> read_hashes(std::string_view list) {
  std::vector<crypto::Hash> hashes;
  each_word(list, [&](std::string_view word) {
    const std::optional<crypto::Hash> hash = message::read_hash(word);
    if (hash && std::ranges::find(hashes, *hash) == hashes.end()) hashes.push_back(*hash);
  });
  return hashes;
}

void read_flags(std::string_view list, KeyRecord& record) {
  each_word(list, [&](std::string_view word) {
    record.testing |= word == "y";
    record.no_subdomains |= word == "s";
  });
}

bool names_email(std::string_view list) {
  bool named = false;
  each_word(list, [&](std::string_view word) { named |= word == "*" || smtp::equal_ignoring_case(word, "email"); });
  return named;
}

std::optional<crypto::KeyType> read_key_type(const Tag* tag) {
  if (tag == nullptr || smtp::equal_ignoring_case(tag->value.view(), "rsa")) return crypto::KeyType::rsa;
  if (smtp::equal_ignoring_case(tag->value.view(), "ed25519")) return crypto::KeyType::ed25519;
  return std::nullopt;
}

}  // namespace

bool KeyRecord::allows(crypto::Hash hash) const noexcept {
  return !hashes || std::ranges::find(*hashes, hash) != hashes->end();
}

std::expected<KeyRecord, KeyRecordFault> read_key_record(PeerView text) {
  if (text.size() > kKeyRecordBytesMax) return std::unexpected(KeyRecordFault::syntax);
  const auto list = TagList::read(text);
  if (!list) return std::unexpected(KeyRecordFault::syntax);
  if (const Tag* version = list->find("v"))
    if (version != list->tags().data() || version->value.view() != "DKIM1") return std::unexpected(KeyRecordFault::version);

  KeyRecord record;
  const std::optional<crypto::KeyType> type = read_key_type(list->find("k"));
  if (!type) return std::unexpected(KeyRecordFault::key_type);
  record.type = *type;

  const Tag* key = list->find("p");
  std::string bytes;
  if (key == nullptr || !expand::append_base64_decoded(bytes, key->value.view()))
    return std::unexpected(KeyRecordFault::syntax);
  record.key = PeerText(std::move(bytes));

  if (const Tag* hashes = list->find("h")) record.hashes = read_hashes(hashes->value.view());
  if (const Tag* flags = list->find("t")) read_flags(flags->value.view(), record);
  if (const Tag* services = list->find("s")) {
    record.service_types = PeerText(services->value.view());
    record.for_email = names_email(services->value.view());
  }
  if (const Tag* granularity = list->find("g")) record.granularity = PeerText(granularity->value.view());
  if (const Tag* notes = list->find("n")) record.notes = PeerText(notes->value.view());
  return record;
}

}  // namespace postern::dkim
