// The Public Suffix List: where a registry ends and a registrant's names begin (publicsuffix.org), through libpsl.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct psl_ctx_st;

namespace postern::psl {

// Never changes; any thread may ask. Loaded once, shared by all shards, replaced as a whole when the configuration is loaded
// again.
class PublicSuffixList {
 public:
  static constexpr std::size_t kFileBytesMax = std::size_t{16} << 20U;
  static constexpr std::size_t kNameBytesMax = 1024;  // longer names have no registrable domain

  // Reads the file that `dmarc_tld_file` names: the list as it is published, or libpsl's compiled form. nullptr when it cannot
  // be read or holds no list; `error` then says why, and the remedy. Reads the disk: not on a shard's turn.
  [[nodiscard]] static std::shared_ptr<const PublicSuffixList> load(const std::string& path, std::string& error);
  // The same of a text in memory.
  [[nodiscard]] static std::shared_ptr<const PublicSuffixList> read(std::string_view text, std::string& error);

  ~PublicSuffixList();
  PublicSuffixList(const PublicSuffixList&) = delete;
  PublicSuffixList& operator=(const PublicSuffixList&) = delete;

  // The public suffix of `domain` and one label more; nothing when there is no such label, or `domain` is no name. ASCII
  // letters of either case, A-labels, or U-labels in lower case; a dot at the end is taken. The answer is in lower case, in the
  // form of the question.
  [[nodiscard]] std::optional<std::string> registrable(std::string_view domain) const;
  // The Organizational Domain of RFC 7489 section 3.2: registrable(), or a public suffix itself as it is.
  [[nodiscard]] std::string organisational(std::string_view domain) const;

 private:
  explicit PublicSuffixList(psl_ctx_st* list) noexcept : list_(list) {}

  psl_ctx_st* list_;
};

}  // namespace postern::psl
