// Answers of ${readsocket with cache=yes, which serve the same question of one client again.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postern::language {

class SocketAnswers {
 public:
  static constexpr std::size_t kAnswersMax = 16;  // beyond, all are forgotten

  [[nodiscard]] std::optional<std::string> find(std::string_view address, std::string_view request) const;
  void keep(std::string_view address, std::string_view request, std::string_view answer);
  // All answers of that socket.
  void forget(std::string_view address);
  void clear() noexcept { answers_.clear(); }

 private:
  // By address and request.
  std::map<std::pair<std::string, std::string>, std::string> answers_;
};

}  // namespace postern::language
