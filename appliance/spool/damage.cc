#include "appliance/spool/damage.h"

namespace postern::spool {

std::string_view to_string(DamageKind kind) noexcept {
  switch (kind) {
    case DamageKind::header: return "segment header";
    case DamageKind::batch: return "batch";
    case DamageKind::record: return "record";
    case DamageKind::records: return "records";
    case DamageKind::kind: return "record of unknown kind";
    case DamageKind::end: return "end of segment missing";
  }
  return "unknown";
}

}  // namespace postern::spool
