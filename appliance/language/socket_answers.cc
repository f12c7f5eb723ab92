#include "appliance/language/socket_answers.h"

#include <utility>

namespace postern::language {

std::optional<std::string> SocketAnswers::find(std::string_view address, std::string_view request) const {
  const auto found = answers_.find({std::string(address), std::string(request)});
  return found != answers_.end() ? std::optional(found->second) : std::nullopt;
}

void SocketAnswers::keep(std::string_view address, std::string_view request, std::string_view answer) {
  if (answers_.size() >= kAnswersMax) answers_.clear();
  answers_.insert_or_assign({std::string(address), std::string(request)}, std::string(answer));
}

void SocketAnswers::forget(std::string_view address) {
  std::erase_if(answers_, [&](const auto& each) { return each.first.first == address; });
}

}  // namespace postern::language
