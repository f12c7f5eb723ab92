#include "policy/psl/public_suffix_list.h"

#include <libpsl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/peer_text.h"

namespace postern::psl {

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

constexpr std::string_view kRemedy =
    "; the package publicsuffix has the list as /usr/share/publicsuffix/public_suffix_list.dat";

// What libpsl wants: no upper case, no dot at the end.
std::string plain(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  std::string name(domain);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return name;
}

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= PublicSuffixList::kNameBytesMax && !name.starts_with('.') && !name.ends_with('.') &&
         name.find('\0') == name.npos;
}

// Takes over `file`. A text without a single rule is no list: with it, every domain would be its registry's.
psl_ctx_t* read_list(const File& file) {
  psl_ctx_t* list = psl_load_fp(file.get());
  if (list != nullptr && psl_suffix_count(list) != 0) return list;
  psl_free(list);
  return nullptr;
}

}  // namespace

std::shared_ptr<const PublicSuffixList> PublicSuffixList::load(const std::string& path, std::string& error) {
  const auto fail = [&](std::string_view why) {
    error = "dmarc_tld_file: " + printable(path) + ": ";
    error.append(why).append(kRemedy);
    return nullptr;
  };
  const File file(std::fopen(path.c_str(), "re"));
  if (!file) return fail(std::strerror(errno));
  struct stat status{};
  if (fstat(fileno(file.get()), &status) != 0) return fail(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail("is no file");
  if (static_cast<std::size_t>(status.st_size) > kFileBytesMax) return fail("is larger than 16 MiB");
  psl_ctx_t* list = read_list(file);
  if (list == nullptr) return fail("holds no public suffix list");
  return std::shared_ptr<const PublicSuffixList>(new PublicSuffixList(list));
}

std::shared_ptr<const PublicSuffixList> PublicSuffixList::read(std::string_view text, std::string& error) {
  psl_ctx_t* list = nullptr;
  if (!text.empty() && text.size() <= kFileBytesMax) {
    std::string copy(text);
    if (const File file(fmemopen(copy.data(), copy.size(), "r")); file) list = read_list(file);
  }
  if (list != nullptr) return std::shared_ptr<const PublicSuffixList>(new PublicSuffixList(list));
  error = "the text holds no public suffix list";
  error.append(kRemedy);
  return nullptr;
}

PublicSuffixList::~PublicSuffixList() { psl_free(list_); }

std::optional<std::string> PublicSuffixList::registrable(std::string_view domain) const {
  const std::string name = plain(domain);
  if (!is_name(name)) return std::nullopt;
  const char* found = psl_registrable_domain(list_, name.c_str());
  if (found == nullptr) return std::nullopt;
  return std::string(found);
}

std::string PublicSuffixList::organisational(std::string_view domain) const {
  return registrable(domain).value_or(plain(domain));
}

}  // namespace postern::psl
