// A string does not become configuration text by itself: its constructors are the loader's.
// expect: no matching conversion for functional-style cast from 'const std::string'
#include <string>

#include "policy/expand/config_text.h"

postern::expand::ConfigText text_of(const std::string& bytes, const postern::expand::ConfigText& written) {
#ifdef POSTERN_MISUSE
  (void)written;
  return postern::expand::ConfigText(bytes);
#else
  return written.slice(0, bytes.size());
#endif
}
