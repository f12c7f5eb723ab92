// The journal's reader and the ledger behind it, on any file.
#include <cstdint>
#include <string>
#include <string_view>

#include "appliance/delivery/journal_format.h"
#include "appliance/delivery/ledger.h"
#include "engine/base/check.h"

namespace {

using namespace postern;
using namespace postern::delivery;

struct ToLedger final : JournalReader {
  Ledger ledger;
  bool on_record(const JournalRecord& record) override { return ledger.replay(record); }
};

// The input as the records of one batch, so that the fuzzer need not guess sums.
std::string wrap(std::string_view records) {
  std::string batch(kJournalBatchHeaderBytes, '\0');
  batch += records.substr(0, kJournalBatchBytesMax - kJournalBatchHeaderBytes);
  seal_batch(batch, 1, 1);
  return make_journal_header(1) + batch;
}

// What the ledger knows, written down and read again, is what it knows.
void check_snapshot(const Ledger& ledger) {
  Ledger again;
  std::string first;
  ledger.snapshot([&](const JournalRecord& record) {
    append_record(first, record);
    POSTERN_CHECK(again.replay(record));
  });
  std::string second;
  again.snapshot([&](const JournalRecord& record) { append_record(second, record); });
  POSTERN_CHECK(first == second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ToLedger whole;
  if (read_journal(input, whole)) check_snapshot(whole.ledger);
  ToLedger wrapped;
  if (read_journal(wrap(input), wrapped)) check_snapshot(wrapped.ledger);
  return 0;
}
