// Exim's own hashes of texts, and digests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::expand {

inline constexpr std::uint64_t kHashAlphabet = 62;         // characters a textual hash may use
inline constexpr std::uint64_t kHashAlphabetDefault = 26;  // the lower-case letters

// `count` characters out of the first `alphabet` (1 to 62) ones of a-z A-Z 0-9. A text of at most `count` is its own hash.
void append_text_hash(std::string& out, std::string_view text, std::uint64_t count, std::uint64_t alphabet);
// A number below `first`; with a `second` above 0, two numbers and a slash: "q/r" with q below `first` and r below `second`.
// `first` is above 0, and their product below 2^64.
void append_number_hash(std::string& out, std::string_view text, std::uint64_t first, std::uint64_t second = 0);

// Operators: OperatorFn. The arguments of hash and nhash are numbers: "3", "5_62".
bool hash(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool nhash(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool md5(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
bool sha1(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// Arguments: 256 (default), 384, 512.
bool sha2(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// Arguments: 224, 256 (default), 384, 512.
bool sha3(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
