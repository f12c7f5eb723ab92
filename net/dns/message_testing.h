// Replies made by hand, whole ones and wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/dns/message.h"
#include "net/dns/names.h"

namespace postern::dns {

class ReplyMaker {
 public:
  explicit ReplyMaker(const Question& question, std::uint16_t id = 7) : id_(id) {
    const std::string query = make_query(id, question, {.edns = false});
    question_ = query.substr(kHeaderBytes);
  }
  ReplyMaker& code(int code) { return flags_ = (flags_ & ~15U) | static_cast<unsigned>(code), *this; }
  ReplyMaker& authentic() { return flags_ |= 0x20U, *this; }
  ReplyMaker& truncated() { return flags_ |= 0x200U, *this; }
  ReplyMaker& not_recursive() { return flags_ &= ~0x80U, *this; }
  ReplyMaker& answer(std::string_view owner, Type type, std::uint32_t ttl_s, std::string_view data) {
    return raw_answer(record(owner, type, ttl_s, data));
  }
  ReplyMaker& raw_answer(std::string_view bytes) {
    answers_ += bytes;
    return ++answer_count_, *this;
  }
  // The SOA of an absence.
  ReplyMaker& authority_ttl(std::uint32_t ttl_s, std::uint32_t minimum) {
    authority_ = record("example.org", Type::soa, ttl_s, std::string(2 + 16, '\0') + number(minimum, 4));
    return *this;
  }
  [[nodiscard]] std::string make() const {
    return number(id_, 2) + number(flags_, 2) + number(1, 2) + number(answer_count_, 2) +
           number(authority_.empty() ? 0 : 1, 2) + number(0, 2) + question_ + answers_ + authority_;
  }

 private:
  static std::string number(std::uint32_t value, int bytes) {
    std::string out;
    for (int i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xffU);
    return out;
  }
  static std::string record(std::string_view owner, Type type, std::uint32_t ttl_s, std::string_view data) {
    return *name_to_wire(owner) + number(static_cast<unsigned>(type), 2) + number(1, 2) + number(ttl_s, 4) +
           number(static_cast<std::uint32_t>(data.size()), 2) + std::string(data);
  }

  std::uint16_t id_;
  unsigned flags_ = 0x8180;  // a reply; recursion was desired and is available
  std::string question_;
  std::string answers_;
  std::uint32_t answer_count_ = 0;
  std::string authority_;
};

}  // namespace postern::dns
