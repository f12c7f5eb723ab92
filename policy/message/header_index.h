// The fields of a header block by name, and the choice of those that a signature covers: RFC 6376 section 5.4.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/smtp/header_view.h"

namespace postern::message {

// Made once for a message, used for all its signatures. Views stay valid as those of the HeaderView do.
class HeaderIndex {
 public:
  HeaderIndex() = default;
  explicit HeaderIndex(const smtp::HeaderView& headers);

  // From the top down. Lines that are no field have no name.
  [[nodiscard]] const std::vector<smtp::HeaderField>& fields() const noexcept { return fields_; }
  // How many fields have that name.
  [[nodiscard]] std::size_t count(std::string_view name) const;
  // The places of the fields of that name in fields(), from the top down.
  [[nodiscard]] std::vector<std::size_t> places(std::string_view name) const;

  // One signature's choice: each call takes the lowest field of that name that this choice has not taken yet. nullptr: there is
  // no further one, which a signature may say on purpose.
  class Choice {
   public:
    explicit Choice(const HeaderIndex& index) noexcept : index_(index) {}
    [[nodiscard]] const smtp::HeaderField* next(std::string_view name);

   private:
    const HeaderIndex& index_;
    std::unordered_map<std::uint32_t, std::uint32_t> next_;  // by the lowest field of the name
  };

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  [[nodiscard]] std::uint32_t lowest(std::string_view name) const;

  std::vector<smtp::HeaderField> fields_;
  std::vector<std::uint32_t> above_;                       // the next field upwards with the same name
  std::unordered_map<std::string, std::uint32_t> lowest_;  // names in small letters
};

}  // namespace postern::message
