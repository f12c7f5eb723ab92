// The messages of a simulation, and what became of them as their senders know it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace postern::simulation {

struct Mail {
  std::uint32_t number = 0;
  std::string sender;
  std::vector<std::string> recipients;  // no two messages share one
  std::string text;                     // as its sender wrote it; begins with subject_of(number)
  bool is_refusable = false;            // its text breaks a rule, so that it must be refused

  bool is_in_hand = false;                  // a client is at it
  bool is_refused = false;                  // 5xx: its sender has given up
  std::optional<std::string> acknowledged;  // the reply
  std::set<std::string> accepted;           // recipients, in the transaction that was acknowledged
  unsigned unanswered = 0;                  // whole texts whose answer never came, or was that the outcome is not known

  [[nodiscard]] bool is_settled() const noexcept { return is_refused || acknowledged.has_value(); }
};

[[nodiscard]] inline std::string subject_of(std::uint32_t number) { return "Subject: m" + std::to_string(number) + "\r\n"; }

// Where recipients live. One domain is refused by policy, one is permanently unknown to its host.
inline constexpr const char* kRefusedDomain = "refused.example";
inline constexpr const char* kUnknownDomain = "unknown.example";
inline constexpr const char* kDomains[] = {"one.example", "two.example", "three.example", kUnknownDomain, kRefusedDomain};
inline constexpr const char* kSenderDomain = "send.example";

[[nodiscard]] inline Mail make_mail(std::uint32_t number, Random& random) {
  Mail mail;
  mail.number = number;
  mail.sender = random.below(12) == 0 ? "" : "s" + std::to_string(number) + "@" + kSenderDomain;
  const std::uint64_t count = random.below(4) == 0 ? 1 + random.below(12) : 1 + random.below(2);
  for (std::uint64_t i = 0; i < count; ++i) {
    // Mostly where all is well.
    const std::size_t domain = random.below(8) == 0 ? random.below(std::size(kDomains)) : random.below(3);
    mail.recipients.push_back("r" + std::to_string(number) + "-" + std::to_string(i) + "@" + kDomains[domain]);
  }
  mail.text = subject_of(number) + "X-Sample: " + std::string(random.below(60), 'h') + "\r\n\r\n";
  const std::uint64_t lines = random.below(6) == 0 ? random.below(300) : random.below(12);
  for (std::uint64_t i = 0; i < lines; ++i) {
    const std::uint64_t dots = random.below(4) == 0 ? random.below(3) : 0;
    mail.text += std::string(dots, '.') + std::string(random.below(76), static_cast<char>('a' + random.below(26))) + "\r\n";
  }
  if (random.below(25) == 0) {
    mail.is_refusable = true;
    mail.text += "a bare\nline end\r\n";
  }
  return mail;
}

}  // namespace postern::simulation
