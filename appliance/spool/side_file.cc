#include "appliance/spool/side_file.h"

#include "engine/base/check.h"
#include "engine/base/crc32c.h"

namespace postern::spool {
namespace {

std::uint32_t extend(std::uint32_t crc, std::string_view bytes) noexcept {
  return crc32c(crc, std::as_bytes(std::span(bytes)));
}

}  // namespace

std::string side_file_directory(std::string_view directory) { return std::string(directory) + "/large"; }

std::string side_file_path(std::string_view directory, std::string_view name) {
  return side_file_directory(directory) + "/" + std::string(name);
}

// ---- SideFiles ----

Task<Result<void>> SideFiles::sync_names() {
  const std::uint64_t wanted = ++asked_;
  static_cast<void>(co_await syncing_.acquire());
  Result<void> synced;
  if (covered_ < wanted) {
    const std::uint64_t covers = asked_;
    synced = co_await files_.sync_directory(side_file_directory(directory_));
    if (synced) covered_ = covers;
  }
  syncing_.release();
  co_return synced;
}

Task<Result<std::unique_ptr<File>>> SideFiles::create(std::string name) {
  if (!has_directory_) {
    const Result<void> made = co_await make_directory();
    if (!made) co_return failure(made.error());
  }
  static_cast<void>(co_await at_once_.acquire());
  auto file = co_await files_.open(side_file_path(directory_, name), {.mode = OpenMode::create_new});
  at_once_.release();
  co_return file;
}

Task<Result<void>> SideFiles::make_directory() {
  static_cast<void>(co_await syncing_.acquire());
  Result<void> made;
  if (!has_directory_) {
    made = co_await files_.make_directory(side_file_directory(directory_), 0700);
    if (made) made = co_await files_.sync_directory(directory_);
    has_directory_ = made.has_value();
  }
  syncing_.release();
  co_return made;
}

Task<Result<void>> SideFiles::remove(std::string name) {
  static_cast<void>(co_await at_once_.acquire());
  const Result<void> removed = co_await files_.remove(side_file_path(directory_, name));
  at_once_.release();
  co_return removed;
}

// ---- SideFile ----

SideFile::SideFile(SideFiles& shared, BlockPool& blocks, MemoryBudget& budget, const MessageId& id, MessageBuffer& first,
                   std::size_t keep_bytes)
    : shared_(shared), budget_(budget), id_(id), buffers_{{blocks, budget}, {blocks, budget}} {
  shared_.stats().open.add();
  first.move_tail(keep_bytes, *filling_);
  const Chain& chain = filling_->chain();
  for (std::size_t i = 0; i < chain.slice_count(); ++i) crc_ = extend(crc_, chain[i].view());
  bytes_ = chain.size();
  kick();
}

SideFile::~SideFile() {
  POSTERN_CHECK(!is_writing_);
  shared_.stats().open.subtract();
}

Result<bool> SideFile::append(Slice bytes, bool scarce) {
  if (error_) return failure(*error_);
  crc_ = extend(crc_, bytes.view());
  bytes_ += bytes.size();
  if (!filling_->append(std::move(bytes))) return failure(Errc::too_large, "memory for messages");
  at_once_ = scarce || budget_.is_tight();
  kick();
  return at_once_ || held_bytes() > kHeldBytesMax;
}

Task<Result<void>> SideFile::room() { return flush(at_once_ ? 0 : kHeldBytesMax / 2); }

Task<Result<SideFileView>> SideFile::finish() {
  Result<void> done = co_await flush(0);
  if (done && !file_) done = co_await create();
  if (done) {
    const Result<std::size_t> synced = co_await file_->sync();
    if (!synced) done = failure(synced.error());
  }
  file_.reset();
  if (done) done = co_await shared_.sync_names();
  if (!done) {
    error_ = done.error();
    co_return failure(done.error());
  }
  shared_.stats().files.add();
  shared_.stats().bytes.add(bytes_);
  co_return SideFileView{id_.view(), bytes_, crc_};
}

Task<void> SideFile::discard() {
  if (!error_) error_ = Error{Errc::stopped, 0, "side file"};
  co_await gate_.wait_empty();
  filling_->clear();
  file_.reset();
  // Not there when it could not be made. What cannot be removed now is found after the next start.
  static_cast<void>(co_await shared_.remove(std::string(id_.view())));
}

bool SideFile::is_to_write() const noexcept { return !error_ && filling_->size() >= (at_once_ ? 1 : kWriteBytesMin); }

void SideFile::kick() {
  if (is_writing_ || !is_to_write()) return;
  is_writing_ = true;
  gate_.start(write_out());
}

Task<void> SideFile::write_out() {
  if (!file_)
    if (const Result<void> created = co_await create(); !created) error_ = created.error();
  while (is_to_write()) {
    std::swap(filling_, writing_);
    const Result<void> written = co_await write(writing_->chain());
    if (!written && !error_) error_ = written.error();
    copied_bytes_ += writing_->copied_bytes();
    writing_->clear();
    progress_.set();
  }
  is_writing_ = false;
  progress_.set();
}

Task<Result<void>> SideFile::create() {
  auto file = co_await shared_.create(std::string(id_.view()));
  if (!file) co_return failure(file.error());
  file_ = std::move(*file);
  co_return Result<void>{};
}

Task<Result<void>> SideFile::write(const Chain& chain) {
  for (std::size_t next = 0; next < chain.slice_count();) {
    Chain part;
    const std::size_t end = std::min(chain.slice_count(), next + File::kGatherSlicesMax);
    for (; next < end; ++next) part.append(chain[next]);
    const Result<std::size_t> written = co_await file_->write(part, written_bytes_);
    if (!written) co_return failure(written.error());
    if (*written != part.size()) co_return failure(Errc::disk_full, "write side file");
    written_bytes_ += *written;
    shared_.stats().writes.add();
  }
  co_return Result<void>{};
}

// Until no more than that is held.
Task<Result<void>> SideFile::flush(std::size_t held_bytes_max) {
  at_once_ = true;
  while (!error_ && held_bytes() > held_bytes_max) {
    progress_.clear();
    kick();
    if (is_writing_) static_cast<void>(co_await progress_.wait());
  }
  at_once_ = false;
  if (error_) co_return failure(*error_);
  co_return Result<void>{};
}

}  // namespace postern::spool
