#include "policy/expand/text_charset.h"

#include <iconv.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "engine/base/utf8.h"
#include "engine/smtp/chars.h"

namespace postern::expand {

namespace {

struct Charset {
  std::string_view name;  // in lower case
  const char* library_name;
};

constexpr auto kCharsets = std::to_array<Charset>({
    {"big5", "BIG5"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"cp1252", "CP1252"},
    {"euc-jp", "EUC-JP"},
    {"euc-kr", "CP949"},
    {"gb18030", "GB18030"},
    {"gb2312", "GBK"},
    {"gbk", "GBK"},
    {"ibm850", "CP850"},
    {"iso-2022-jp", "ISO-2022-JP"},
    {"iso-8859-1", "ISO-8859-1"},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-11", "ISO-8859-11"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-9", "ISO-8859-9"},
    {"koi8-r", "KOI8-R"},
    {"koi8-u", "KOI8-U"},
    {"ks_c_5601-1987", "CP949"},
    {"latin1", "ISO-8859-1"},
    {"macintosh", "MACINTOSH"},
    {"shift_jis", "CP932"},
    {"tis-620", "TIS-620"},
    {"utf-16", "UTF-16"},
    {"utf-16be", "UTF-16BE"},
    {"utf-16le", "UTF-16LE"},
    {"utf-7", "UTF-7"},
    {"windows-1250", "CP1250"},
    {"windows-1251", "CP1251"},
    {"windows-1252", "CP1252"},
    {"windows-1253", "CP1253"},
    {"windows-1254", "CP1254"},
    {"windows-1255", "CP1255"},
    {"windows-1256", "CP1256"},
    {"windows-1257", "CP1257"},
    {"windows-1258", "CP1258"},
    {"windows-874", "CP874"},
});

const Charset* find_charset(std::string_view name) noexcept {
  for (const Charset& row : kCharsets)
    if (smtp::equal_ignoring_case(row.name, name)) return &row;
  return nullptr;
}

bool needs_no_conversion(std::string_view charset) noexcept {
  for (const std::string_view name : {"utf-8", "utf8", "us-ascii", "ascii", ""})
    if (smtp::equal_ignoring_case(charset, name)) return true;
  return false;
}

// The converter of last time: the words of one header are mostly of one character set.
class Converter {
 public:
  Converter() = default;
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() { close(); }

  iconv_t open(const Charset& charset) noexcept {
    if (charset_ != &charset) {
      close();
      handle_ = iconv_open("UTF-8", charset.library_name);
      charset_ = &charset;
    }
    if (is_open()) iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    return handle_;
  }
  [[nodiscard]] bool is_open() const noexcept { return handle_ != closed(); }

 private:
  static iconv_t closed() noexcept { return reinterpret_cast<iconv_t>(-1); }
  void close() noexcept {
    if (is_open()) iconv_close(handle_);
    handle_ = closed();
    charset_ = nullptr;
  }

  iconv_t handle_ = closed();
  const Charset* charset_ = nullptr;
};

bool convert(iconv_t handle, std::string& out, std::string_view bytes) {
  char* in = const_cast<char*>(bytes.data());  // iconv's type says that it writes there; it does not
  std::size_t in_left = bytes.size();
  bool flushed = false;
  while (!flushed) {
    std::array<char, 256> room;
    char* to = room.data();
    std::size_t to_left = room.size();
    flushed = in_left == 0;
    const std::size_t status = iconv(handle, flushed ? nullptr : &in, flushed ? nullptr : &in_left, &to, &to_left);
    if (status == static_cast<std::size_t>(-1) && errno != E2BIG) return false;
    out.append(room.data(), room.size() - to_left);
  }
  return true;
}

}  // namespace

CharsetOutcome append_as_utf8(std::string& out, std::string_view charset, std::string_view bytes) {
  if (needs_no_conversion(charset)) {
    out.append(bytes);
    return CharsetOutcome::converted;
  }
  const Charset* const row = find_charset(charset);
  if (row == nullptr) return CharsetOutcome::unknown_charset;
  static thread_local Converter converter;
  const iconv_t handle = converter.open(*row);
  if (!converter.is_open()) return CharsetOutcome::unknown_charset;
  const std::size_t before = out.size();
  if (convert(handle, out, bytes)) return CharsetOutcome::converted;
  out.resize(before);
  return CharsetOutcome::not_convertible;
}

}  // namespace postern::expand
