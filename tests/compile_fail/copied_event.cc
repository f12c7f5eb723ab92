// Events, gates and timers stay where they are: others hold their address.
// expect: call to deleted constructor of 'postern::Event'
#include "engine/coro/event.h"

void wake(postern::Event& event) {
#ifdef POSTERN_MISUSE
  postern::Event other = event;
  other.set();
#endif
  event.set();
}
