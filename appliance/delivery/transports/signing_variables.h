// What the texts of signing options see besides what all deliveries do: the message's header, and what is being signed for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/smtp/chars.h"
#include "engine/smtp/header_view.h"
#include "policy/expand/eval_context.h"

namespace postern::delivery {

class SigningVariables final : public expand::EvalContext {
 public:
  // `base` is borrowed. `header`: the message's fields, without those the transport adds.
  SigningVariables(const expand::EvalContext& base, std::string header) noexcept : base_(base), header_(std::move(header)) {}

  // $dkim_domain and $dkim_selector, and whose bytes they are.
  void set_domain(std::string domain, expand::Bytes bytes) { domain_ = {std::move(domain), bytes}; }
  void set_selector(std::string selector, expand::Bytes bytes) { selector_ = {std::move(selector), bytes}; }

  [[nodiscard]] std::string_view variable(expand::VariableId id, std::string& scratch) const override {
    if (id == expand::VariableId::dkim_domain) return domain_.text;
    if (id == expand::VariableId::dkim_selector) return selector_.text;
    return base_.variable(id, scratch);
  }
  [[nodiscard]] expand::Bytes bytes_of(expand::VariableId id) const override {
    if (id == expand::VariableId::dkim_domain) return domain_.bytes;
    if (id == expand::VariableId::dkim_selector) return selector_.bytes;
    return base_.bytes_of(id);
  }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name, std::size_t& at) const override {
    std::string_view rest = std::string_view(header_).substr(at);
    while (const std::optional<smtp::HeaderField> field = smtp::HeaderView::next_field(rest)) {
      at = header_.size() - rest.size();
      if (smtp::equal_ignoring_case(field->name.view(), name)) return field->value.view();
    }
    at = header_.size();
    return std::nullopt;
  }

  [[nodiscard]] std::string_view certificate(expand::VariableId id) const override { return base_.certificate(id); }
  [[nodiscard]] std::optional<expand::Held> acl_variable(std::string_view name) const override {
    return base_.acl_variable(name);
  }
  [[nodiscard]] std::optional<expand::Held> capture(unsigned number) const override { return base_.capture(number); }
  [[nodiscard]] bool is_first_delivery() const override { return base_.is_first_delivery(); }
  [[nodiscard]] bool is_queue_running() const override { return base_.is_queue_running(); }
  [[nodiscard]] expand::Services* services() const override { return base_.services(); }
  [[nodiscard]] expand::CompileServices* compile_services() const override { return base_.compile_services(); }

 private:
  struct Word {
    std::string text;
    expand::Bytes bytes = expand::Bytes::ours;
  };

  const expand::EvalContext& base_;
  std::string header_;
  Word domain_;
  Word selector_;
};

}  // namespace postern::delivery
