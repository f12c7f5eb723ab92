// ${prvs and ${prvscheck, and what they leave to variables.
#include <charconv>
#include <utility>

#include "policy/expand/machine.h"

namespace postern::expand {

std::int64_t Machine::today() {
  const std::string_view text = context_.variable(VariableId::tod_epoch, scratch_);
  std::int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return day_of(seconds);
}

bool Machine::sign_prvs(const Instruction& i) {
  const std::int64_t day = today();
  take_arguments(i.flag);
  const Taint taint = arguments_.taint[0].changed();
  const std::string_view key_number = arguments_.count > 2 ? arguments_.text[2] : std::string_view();
  why_.clear();
  if (!prvs_sign(arguments_.text[0], arguments_.text[1], key_number, day, scratch_, why_)) return fail(std::move(why_));
  return append_result(scratch_, taint);
}

bool Machine::begin_prvs(const Instruction& i) {
  take_arguments(1);
  auto found = std::make_unique<Signed>();
  found->text = arguments_.text[0];
  found->taint = arguments_.taint[0].changed();
  drop_arguments();
  std::optional<PrvsAddress> parsed = prvs_parse(found->text);
  if (!parsed) {
    next_ = i.a;
    return true;
  }
  found->parsed = *std::move(parsed);
  signed_.push_back(std::move(found));
  return true;
}

bool Machine::check_prvs() {
  const std::int64_t day = today();
  take_arguments(1);
  is_signature_valid_ = prvs_is_valid(signed_.back()->parsed, arguments_.text[0], day);
  drop_arguments();
  if (Services* const services = context_.services()) services->keep_prvscheck_result(*is_signature_valid_);
  return true;
}

bool Machine::end_prvs(const Instruction& i) {
  const std::unique_ptr<Signed> checked = std::move(signed_.back());
  signed_.pop_back();
  arguments_.base = out_.size();
  if (i.flag > 0) take_arguments(1);
  if (i.flag > 0 && !arguments_.text[0].empty()) {
    scratch_ = arguments_.text[0];
    return append_result(scratch_, arguments_.taint[0]);
  }
  return append_result(checked->parsed.address, checked->taint);
}

bool Machine::append_own(OwnVariable variable) {
  switch (variable) {
    case OwnVariable::value: return append_piece(value_);
    case OwnVariable::item: return append_piece(item_);
    case OwnVariable::runrc: return append(std::to_string(runrc_), {});
    case OwnVariable::prvscheck_address:
      return signed_.empty() || append(signed_.back()->parsed.address, signed_.back()->taint);
    case OwnVariable::prvscheck_keynum:
      return signed_.empty() || append(std::string_view(&signed_.back()->parsed.key_number, 1), signed_.back()->taint);
    case OwnVariable::srs_recipient: return append_srs_recipient();
    case OwnVariable::prvscheck_result: break;
  }
  if (is_signature_valid_) return append(*is_signature_valid_ ? "1" : "", {});
  return append(context_.variable(VariableId::prvscheck_result, scratch_), {});
}

bool Machine::name_list(const Instruction& i) {
  take_arguments(1);
  Services* const services = context_.services();
  if (services == nullptr) return fail("named lists cannot be used here");
  const Answer answer = services->named_list(static_cast<char>(i.flag), arguments_.text[0]);
  return answer.status == Answer::Status::found ? append_result(answer.value, Taint::of(answer.bytes)) : fail(answer.why);
}

}  // namespace postern::expand
