// Numbers of different kinds do not mix, although both are integers.
// expect: invalid operands to binary expression .'postern::ShardId'
#include "engine/base/ids.h"

using ConnectionId = postern::StrongId<struct ConnectionIdTag, std::uint16_t>;

bool same(postern::ShardId a, ConnectionId b) {
#ifdef POSTERN_MISUSE
  return a == b;
#else
  return a.value() == b.value();
#endif
}
