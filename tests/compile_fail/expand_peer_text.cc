// What a peer said is never read as configuration: nothing turns it into a ConfigText.
// expect: no viable conversion from 'const postern::PeerText' to 'const ConfigText'
#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"

bool compiles(const postern::expand::ConfigText& written, const postern::PeerText& said, postern::expand::Diagnostics& out) {
#ifdef POSTERN_MISUSE
  return postern::expand::compile(said, out).has_value() && !written.empty();
#else
  return postern::expand::compile(written, out).has_value() && !said.empty();
#endif
}
