// Any text as a DMARC record is read within its bounds, and what was read holds together.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "policy/dmarc/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::dmarc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = read_record(text);
  const auto authorization = read_report_authorization(text);
  if (!record) return 0;
  POSTERN_CHECK(is_record(text) && authorization);
  POSTERN_CHECK(text.size() <= kRecordBytesMax && record->percent <= 100);
  const FailureOptions& fo = record->failure_options;
  POSTERN_CHECK(fo.all_failed || fo.any_failed || fo.dkim_failed || fo.spf_failed);
  for (const auto* uris : {&record->aggregate_uris, &record->failure_uris}) {
    POSTERN_CHECK(uris->size() <= kReportUrisMax);
    for (const ReportUri& uri : *uris)
      for (const char c : uri.uri)
        POSTERN_CHECK(c > ' ' && c < 127 && c != ',' && c != ';' && c != '!' && c != '"' && c != '<');
  }
  return 0;
}
