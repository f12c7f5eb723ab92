#include "appliance/language/shard_language.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "appliance/config/late_acl.h"
#include "policy/lookup/services.h"

namespace postern::language {

namespace {

Result<void> append_now(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) return failure(error_from_errno(errno, "open file"));
  const ssize_t written = ::write(file, text.data(), text.size());
  const int number = errno;
  ::close(file);
  if (written < 0) return failure(error_from_errno(number, "write file"));
  if (static_cast<std::size_t>(written) != text.size()) return failure(Errc::disk_full, "write file");
  return {};
}

}  // namespace

ShardLanguage::ShardLanguage(std::shared_ptr<const config::Language> language, const ShardNeeds& needs)
    : language_(std::move(language)),
      needs_(needs),
      catalogue_(language_->lookups->copy()),
      lookups_(*catalogue_,
               {.clock = &needs.clock, .offload = needs.offload, .connector = needs.connector, .resolver = needs.resolver}) {}

std::shared_ptr<const acl::Acl> ShardLanguage::late_acl(std::string_view text, std::string& why) {
  const auto known = late_acls_.find(text);
  if (known != late_acls_.end()) return known->second;
  auto read = config::read_late_acl(text, *language_, *this, why);
  if (read == nullptr) return nullptr;
  if (late_acls_.size() >= kLateAclsMax) late_acls_.clear();
  late_acls_.emplace(std::string(text), read);
  return read;
}

const tls::Client& ShardLanguage::socket_tls() {
  if (!socket_tls_) socket_tls_ = std::move(*tls::Client::create({.verify_certificates = ""}));  // which cannot fail
  return *socket_tls_;
}

dcc::Client* ShardLanguage::dcc() {
  if (!dcc_ && language_->dccifd && needs_.connector != nullptr)
    dcc_ = std::make_unique<dcc::Client>(*needs_.connector, *language_->dccifd);
  return dcc_.get();
}

Task<Result<void>> ShardLanguage::append_to_file(std::string path, std::string text) {
  if (needs_.offload == nullptr) co_return append_now(path, text);
  co_return co_await needs_.offload->run([path = std::move(path), text = std::move(text)] { return append_now(path, text); });
}

Task<void> ShardLanguage::close() {
  co_await gate_.close();
  if (dcc_) co_await dcc_->close();
  co_await lookups_.close();
}

std::expected<ShardLanguage::Lookup, std::string> ShardLanguage::find_lookup(std::string_view written) {
  return lookup::find_lookup(*catalogue_, written);
}

bool ShardLanguage::is_lookup_type(std::string_view type) { return lookup::is_lookup_type(type); }

std::expected<ShardLanguage::List, std::string> ShardLanguage::find_list(expand::ListKind, const expand::ConfigText&) {
  return List{};
}

std::string_view ShardLanguage::noticed_text_variable(expand::VariableId id) {
  if (!needs_.has_message_text) return kNoMessageText;
  const auto kept = config::kept_for(id);
  if (kept == nullptr || (*language_).*kept) return {};
  return "it is kept of messages only where the configuration file itself names it";
}

bool ShardLanguage::is_named_list(std::string_view name) {
  using enum lists::ListKind;
  return std::ranges::any_of(std::array{domain, host, address, local_part},
                             [&](lists::ListKind kind) { return language_->lists->named(kind, name) != nullptr; });
}

}  // namespace postern::language
