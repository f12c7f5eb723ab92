// UTF-8 put right, UTF-8 made Latin-1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::expand {

// Operators: OperatorFn.
// A "?" for each ill-formed sequence: a byte that begins none, or a first byte with the continuation bytes that are there.
bool utf8clean(std::string& out, std::size_t from, std::string_view arguments, std::string& why);
// An underscore for each character that ISO-8859-1 does not have, and for each ill-formed sequence.
bool from_utf8(std::string& out, std::size_t from, std::string_view arguments, std::string& why);

}  // namespace postern::expand
