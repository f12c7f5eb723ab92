// Message text made ready for DATA, RFC 5321 section 4.5.2: a dot that starts a line is doubled, and CR LF . CR LF ends it. The
// text is split, never copied: both dots of a pair are the same byte, at the end of one slice and at the start of the next.
//
// A line starts behind CR LF and nowhere else, as in DataReader. What we store has no bare CR or LF.
#pragma once

#include "engine/buffer/chain.h"
#include "engine/buffer/line_scan.h"

namespace postern::smtp {

// One message; assign a fresh one for the next. Keeps no bytes between calls, so the text may be cut anywhere.
class DotStuffer {
 public:
  // Appends `text` to `out` with its dots doubled.
  void stuff(Slice text, Chain& out);
  // Appends the end mark; a CR LF comes first when the text has an unended last line.
  void finish(Chain& out) const;

 private:
  LineScan scan_;
};

}  // namespace postern::smtp
