// What a peer sent is never expanded: only the loader makes configuration text.
// expect: no viable conversion from 'const postern::PeerText' to 'const ConfigText'
#include "engine/base/peer_text.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"

bool reads(const postern::PeerText& said, const postern::expand::ConfigText& written,
           postern::expand::Diagnostics& diagnostics) {
#ifdef POSTERN_MISUSE
  (void)written;
  return postern::expand::compile(said, diagnostics).has_value();
#else
  (void)said;
  return postern::expand::compile(written, diagnostics).has_value();
#endif
}
