#include "net/proxy/header.h"

#include "net/proxy/versions.h"

namespace postern::proxy {

ParseStep parse_header(std::string_view bytes, Header& header) {
  if (bytes.starts_with(kMark1)) return parse_version_1(bytes, header);
  if (bytes.starts_with(kMark2)) return parse_version_2(bytes, header);
  const bool may_become_one = kMark1.starts_with(bytes) || kMark2.starts_with(bytes);
  return {may_become_one ? ParseStatus::incomplete : ParseStatus::no_header};
}

}  // namespace postern::proxy
