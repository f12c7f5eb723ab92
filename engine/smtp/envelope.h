// The reverse-path and the recipients of one transaction, with their ESMTP parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/peer_text.h"
#include "engine/smtp/address.h"
#include "engine/smtp/params.h"

namespace postern::smtp {

// An address in canonical form: local part as it must be written (quoted only where needed), '@', domain in lower case or an
// address literal. Empty for the null reverse-path. Borrowed from the Envelope.
class EnvelopeAddress {
 public:
  constexpr EnvelopeAddress() = default;
  // The last `domain_bytes` of `text` are the domain; 0 when there is none (then there is no '@' either).
  constexpr EnvelopeAddress(std::string_view text, std::size_t domain_bytes) noexcept
      : text_(text), domain_bytes_(domain_bytes) {}

  [[nodiscard]] constexpr PeerView text() const noexcept { return PeerView(text_); }
  // In wire form, with quotes where there are any; append_unquoted() takes them off.
  [[nodiscard]] constexpr PeerView local_part() const noexcept {
    return PeerView(text_.substr(0, text_.size() - (domain_bytes_ == 0 ? 0 : domain_bytes_ + 1)));
  }
  [[nodiscard]] constexpr PeerView domain() const noexcept { return PeerView(text_.substr(text_.size() - domain_bytes_)); }
  [[nodiscard]] constexpr bool empty() const noexcept { return text_.empty(); }

 private:
  std::string_view text_;
  std::size_t domain_bytes_ = 0;
};

struct Recipient {
  EnvelopeAddress address;
  NotifySet notify = 0;
  PeerView orcpt;  // "rfc822;xtext" as received; empty: not given
};

// MAIL's part of the envelope.
struct ReversePath {
  EnvelopeAddress address;                     // empty: null reverse-path
  std::optional<std::uint64_t> declared_size;  // SIZE=, RFC 1870; bytes
  BodyType body = BodyType::unstated;
  DsnReturn ret = DsnReturn::unstated;
  bool smtputf8 = false;  // RFC 6531
  PeerView envid;         // xtext as received, RFC 3461 section 4.4; empty: not given
  PeerView auth;          // xtext as received, or <>, RFC 4954 section 5; empty: not given
};

// All views it hands out live until clear(). Clearing keeps a little memory, so that a transaction like the last one allocates
// nothing. One shard.
class Envelope {
 public:
  Envelope() = default;
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  // A MAIL command was accepted by the parser and its transaction is open; a null reverse-path is a sender too.
  [[nodiscard]] bool has_sender() const noexcept { return has_sender_; }
  [[nodiscard]] const ReversePath& sender() const noexcept { return sender_; }
  [[nodiscard]] const std::vector<Recipient>& recipients() const noexcept { return recipients_; }
  // Bytes of text and bookkeeping; what the cap on envelopes counts.
  [[nodiscard]] std::size_t bytes() const noexcept { return text_bytes_ + recipients_.size() * sizeof(Recipient); }

  // Copies all texts. Checked: no sender yet. `qualify_domain` completes an address without a domain, unless it is empty.
  void set_sender(const ReversePath& sender);
  void set_sender(const Mailbox& mailbox, std::string_view qualify_domain, const MailParams& params);
  // A recipient is first held (its texts are copied and live until clear()), then judged, and then added or not. hold() returns
  // nothing when the envelope would grow beyond `bytes_max`.
  [[nodiscard]] std::optional<Recipient> hold(const Recipient& recipient, std::size_t bytes_max);
  [[nodiscard]] std::optional<Recipient> hold(const Mailbox& mailbox, std::string_view qualify_domain, const RcptParams& params,
                                              std::size_t bytes_max);
  void add(const Recipient& held) { recipients_.push_back(held); }
  void clear() noexcept;

 private:
  static constexpr std::size_t kRecipientsKept = 16;
  [[nodiscard]] PeerView copy(PeerView text);
  [[nodiscard]] EnvelopeAddress copy(const EnvelopeAddress& address);
  [[nodiscard]] EnvelopeAddress keep(const Mailbox& mailbox, std::string_view qualify_domain);
  [[nodiscard]] bool has_room(std::size_t text_bytes, std::size_t bytes_max) const noexcept;

  bool has_sender_ = false;
  ReversePath sender_;
  std::vector<Recipient> recipients_;
  std::size_t text_bytes_ = 0;
  Arena arena_;
};

}  // namespace postern::smtp
