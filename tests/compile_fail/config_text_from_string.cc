// Only the loader makes ConfigText; text from anywhere else cannot pose as the administrator's.
// expect: no matching conversion for functional-style cast from 'const std::string'
#include <string>

#include "policy/expand/config_text.h"

postern::expand::ConfigText made_up(const std::string& text) {
#ifdef POSTERN_MISUSE
  return postern::expand::ConfigText(text);
#else
  static_cast<void>(text);
  return postern::expand::ConfigText();
#endif
}
