// Bytes from outside do not slip into text of our own.
// expect: no viable conversion from 'const postern::PeerText' to 'const std::string'
#include <string>

#include "engine/base/peer_text.h"

std::string name_of(const postern::PeerText& said) {
#ifdef POSTERN_MISUSE
  const std::string name = said;
#else
  const std::string name = postern::printable(said);
#endif
  return name;
}
