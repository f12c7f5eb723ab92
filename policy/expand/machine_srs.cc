// ${srs_encode, inbound_srs, and $srs_recipient.
#include "policy/expand/header_addresses.h"
#include "policy/expand/machine.h"
#include "policy/srs/srs.h"

namespace postern::expand {

// The null sender stays what it is.
bool Machine::encode_srs() {
  const std::int64_t day = today();
  take_arguments(3);
  const std::string_view address = arguments_.text[1];
  if (address.empty()) return append_result({}, {});
  if (!spend(out_.size() - arguments_.base)) return false;
  why_.clear();
  const std::optional<HeaderAddress> parsed = parse_header_address(address, &why_);
  if (!parsed) return fail(std::move(why_));
  const std::optional<std::string> encoded =
      srs::encode({.text = address, .local_part = parsed->local_part, .domain = parsed->domain}, arguments_.text[0],
                  arguments_.text[2], day);
  if (!encoded) return fail("srs_encode: this machine forbids MD5");
  return append_result(*encoded, (arguments_.taint[1] + arguments_.taint[2]).changed());
}

// Without a secret whatever has the form of such an address is one.
bool Machine::test_srs() {
  const std::int64_t day = today();
  take_arguments(2);
  if (!spend(out_.size() - arguments_.base)) return false;
  const std::optional<srs::Encoded> decoded = srs::decode(arguments_.text[0]);
  if (!decoded) return decide(false);
  const bool is_ours = arguments_.text[1].empty() || srs::is_valid(*decoded, arguments_.text[1], day);
  srs_recipient_ = std::make_unique<SrsRecipient>(SrsRecipient{decoded->recipient, arguments_.taint[0].changed()});
  if (Services* const services = context_.services()) services->keep_srs_recipient(decoded->recipient);
  return decide(is_ours);
}

bool Machine::append_srs_recipient() {
  if (srs_recipient_) return append(srs_recipient_->text, srs_recipient_->taint);
  const Services* const services = context_.services();
  return services == nullptr || append(services->srs_recipient(), Taint::peers());
}

}  // namespace postern::expand
