// The borrowed form does not either.
// expect: no known conversion from 'postern::PeerView' to 'std::string_view'
#include <cstddef>
#include <string_view>

#include "engine/base/peer_text.h"

std::size_t length_of(std::string_view text) { return text.size(); }

std::size_t use(postern::PeerView said) {
#ifdef POSTERN_MISUSE
  return length_of(said);
#else
  return length_of(said.view());
#endif
}
