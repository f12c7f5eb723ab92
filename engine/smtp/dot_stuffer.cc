#include "engine/smtp/dot_stuffer.h"

#include <utility>

namespace postern::smtp {

void DotStuffer::stuff(Slice text, Chain& out) {
  for (;;) {
    const std::size_t clean = scan_lines(scan_, text.view(), ScanStop::dot);
    if (clean == text.size()) break;
    out.append(text.sub(0, clean + 1));
    text.remove_prefix(clean);
    scan_.at_line_start = false;  // the dot that is there now is the second one
  }
  out.append(std::move(text));
}

void DotStuffer::finish(Chain& out) const { out.append(Slice::literal(scan_.at_line_start ? ".\r\n" : "\r\n.\r\n")); }

}  // namespace postern::smtp
