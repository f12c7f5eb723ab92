// What add_header and remove_header of a message's ACLs ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::acl {

enum class AddedAt : std::uint8_t {
  end,             // behind the header section
  start,           // in front of all
  after_received,  // behind the topmost block of Received: fields
  start_rfc,       // behind the Received: and Resent- fields at the start
};

struct AddedHeader {
  AddedAt place = AddedAt::end;
  std::string text;  // one field, folded with \n, without the \n at its end
};

class HeaderChanges {
 public:
  static constexpr std::size_t kBytesMax = std::size_t{256} * 1024;  // of all fields and names of one message

  // The fields in an expanded `add_header`: one a line, folded lines belong to the field above them, each with ":at_start:" or
  // its kin in front if it wants. A line that is no field gets "X-ACL-Warn: " in front. A field that is there already is not
  // added again. False: more than kBytesMax, and nothing was added.
  [[nodiscard]] bool add(std::string_view text);
  // A colon-separated list of names. False: likewise.
  [[nodiscard]] bool remove(std::string_view names);
  void clear() noexcept;

  [[nodiscard]] const std::vector<AddedHeader>& added() const noexcept { return added_; }
  [[nodiscard]] const std::vector<std::string>& removed() const noexcept { return removed_; }
  // $headers_added: the fields, a line each.
  void append_added(std::string& to) const;

 private:
  void add_field(std::string_view field);

  std::vector<AddedHeader> added_;
  std::vector<std::string> removed_;
  std::size_t bytes_ = 0;
};

}  // namespace postern::acl
