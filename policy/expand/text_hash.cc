#include "policy/expand/text_hash.h"

#include <array>
#include <optional>

#include "policy/crypto/digest.h"
#include "policy/expand/text_operand.h"
#include "policy/expand/text_substring.h"

namespace postern::expand {

namespace {

using crypto::Hash;

// "s" and "t" have changed places: that is how the hashes in people's directories were made.
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrtsuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static_assert(kAlphabet.size() == kHashAlphabet);

// The weights of nhash: the odd primes below 114, from the largest down and again.
constexpr std::array<std::uint8_t, 29> kWeights = {113, 109, 107, 103, 101, 97, 89, 83, 79, 73, 71, 67, 61, 59, 53,
                                                   47,  43,  41,  37,  31,  29, 23, 19, 17, 13, 11, 7,  5,  3};

bool replace_by_digest(std::string& out, std::size_t from, Hash hash, bool upper, std::string& why) {
  crypto::Digest result;
  if (!crypto::digest(hash, operand_view(out, from), result)) return refuse(why, "this digest is not available");
  out.resize(from);
  result.append_hex(out, upper);
  return true;
}

}  // namespace

void append_text_hash(std::string& out, std::string_view text, std::uint64_t count, std::uint64_t alphabet) {
  if (text.size() <= count) {
    out.append(text);
    return;
  }
  std::string folded(text.substr(0, static_cast<std::size_t>(count)));
  for (std::size_t at = folded.size(); at < text.size() && !folded.empty(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const unsigned turn = (byte + static_cast<unsigned>(at)) & 7;
    char& into = folded[(at - folded.size()) % folded.size()];
    into = static_cast<char>(static_cast<unsigned char>(into) ^ (byte << turn | byte >> (8 - turn)));
  }
  for (const char c : folded) out.push_back(kAlphabet[static_cast<unsigned char>(c) % alphabet]);
}

void append_number_hash(std::string& out, std::string_view text, std::uint64_t first, std::uint64_t second) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    total += std::uint64_t{kWeights[i % kWeights.size()]} * static_cast<unsigned char>(text[i]);
  if (second == 0) {
    append_number(out, total % first);
    return;
  }
  total %= first * second;
  append_number(out, total / second);
  out.push_back('/');
  append_number(out, total % second);
}

bool hash(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  const std::optional<Numbers> numbers = read_operator_numbers(arguments, "hash", true, false, why);
  if (!numbers) return false;
  const auto alphabet = static_cast<std::uint64_t>(numbers->second.value_or(kHashAlphabetDefault));
  if (alphabet > kHashAlphabet) return refuse(why, "hash count \"" + std::to_string(alphabet) + "\" too big");
  if (alphabet == 0) return refuse(why, "hash count \"0\" too small");
  append_text_hash(out, take_operand(out, from), static_cast<std::uint64_t>(numbers->first), alphabet);
  return true;
}

bool nhash(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  const std::optional<Numbers> numbers = read_operator_numbers(arguments, "nhash", true, false, why);
  if (!numbers) return false;
  if (numbers->first == 0 || numbers->second == 0) return refuse(why, "nhash count \"0\" too small");
  append_number_hash(out, take_operand(out, from), static_cast<std::uint64_t>(numbers->first),
                     static_cast<std::uint64_t>(numbers->second.value_or(0)));
  return true;
}

bool md5(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return replace_by_digest(out, from, Hash::md5, false, why);
}

bool sha1(std::string& out, std::size_t from, std::string_view, std::string& why) {
  return replace_by_digest(out, from, Hash::sha1, true, why);
}

bool sha2(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  if (arguments.empty() || arguments == "256") return replace_by_digest(out, from, Hash::sha256, true, why);
  if (arguments == "384") return replace_by_digest(out, from, Hash::sha384, true, why);
  if (arguments == "512") return replace_by_digest(out, from, Hash::sha512, true, why);
  return refuse(why, "unrecognised sha2 variant");
}

bool sha3(std::string& out, std::size_t from, std::string_view arguments, std::string& why) {
  if (arguments.empty() || arguments == "256") return replace_by_digest(out, from, Hash::sha3_256, true, why);
  if (arguments == "224") return replace_by_digest(out, from, Hash::sha3_224, true, why);
  if (arguments == "384") return replace_by_digest(out, from, Hash::sha3_384, true, why);
  if (arguments == "512") return replace_by_digest(out, from, Hash::sha3_512, true, why);
  return refuse(why, "unrecognised sha3 variant");
}

}  // namespace postern::expand
