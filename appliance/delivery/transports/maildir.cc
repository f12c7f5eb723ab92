#include "appliance/delivery/transports/maildir.h"

#include <fmt/format.h>

#include <utility>

#include "appliance/delivery/transports/added_headers.h"
#include "appliance/delivery/transports/problem.h"
#include "engine/base/check.h"
#include "engine/base/peer_text.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

constexpr std::size_t kWriteBytes = 256 * 1024;

// A host name as it may stand in a file name of a maildir.
std::string file_name_part(std::string_view hostname) {
  std::string part;
  for (const char c : hostname) {
    if (c == '/' || c == ':' || c == ',' || static_cast<unsigned char>(c) <= ' ')
      part += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    else
      part += c;
  }
  return part;
}

Task<Result<void>> write_all(File& file, const std::string& bytes, std::uint64_t offset) {
  std::span<const std::byte> left = std::as_bytes(std::span(bytes));
  while (!left.empty()) {
    const Result<std::size_t> written = co_await file.write(left, offset);
    if (!written) co_return failure(written.error());
    if (*written == 0) co_return failure(Errc::io, "write to maildir");
    left = left.subspan(*written);
    offset += *written;
  }
  co_return Result<void>{};
}

}  // namespace

void LineEndWriter::append(std::string_view text, std::string& out) {
  while (!text.empty()) {
    if (holds_cr_ && text.front() != '\n') out += '\r';
    holds_cr_ = false;
    const std::size_t cr = text.find('\r');
    out += text.substr(0, cr);
    if (cr == text.npos) return;
    text.remove_prefix(cr + 1);
    holds_cr_ = true;
  }
}

void LineEndWriter::finish(std::string& out) {
  if (std::exchange(holds_cr_, false)) out += '\r';
}

std::string maildir_name(const TransportJob& job, std::string_view hostname) {
  const spool::RecordKey& key = job.record.key;
  return fmt::format("{}.I{:016x}O{:x}R{}.{}", job.message.received.seconds(), key.segment.incarnation, key.offset,
                     job.wanted.front(), file_name_part(hostname));
}

MaildirTransport::MaildirTransport(FileSystem& files, const config::Transport& transport, std::string hostname)
    : files_(files),
      transport_(transport),
      options_(std::get<config::AppendfileTransport>(transport.driver)),
      hostname_(std::move(hostname)) {}

Task<void> MaildirTransport::deliver(const TransportJob& job, const expand::EvalContext& variables) {
  POSTERN_CHECK(!job.wanted.empty());
  const AddedHeaders added = added_headers(transport_, job, job.wanted, variables, Scheduler::current().wall_now());
  if (!added.why.empty()) {
    job.events.on_problem(job.wanted, configuration_problem(added.why));
    co_return;
  }
  const Result<void> agreed = co_await job.guard.before_end();
  if (!agreed) {
    job.events.on_problem(job.wanted, local_problem(agreed.error(), "delivery put off"));
    co_return;
  }
  const Place place{options_.directory, maildir_name(job, hostname_)};
  const ComposedMessage composed(job.message, added.top, added.bottom);
  MessageReader reader(composed, job, blocks_);
  const Result<std::uint64_t> stored = co_await store(place, reader);
  if (stored)
    job.events.on_delivered({.recipients = job.wanted, .confirmation = {}, .bytes = *stored});
  else
    job.events.on_problem(job.wanted, local_problem(stored.error(), "maildir " + printable(options_.directory)));
}

Task<Result<std::uint64_t>> MaildirTransport::store(const Place& place, MessageReader& message) {
  const Result<std::uint64_t> bytes = co_await write_file(place, message);
  Result<void> published;
  if (bytes) published = co_await publish(place, *bytes);
  static_cast<void>(co_await files_.remove(place.tmp()));
  if (!bytes) co_return failure(bytes.error());
  if (!published) co_return failure(published.error());
  co_return *bytes;
}

Task<Result<std::uint64_t>> MaildirTransport::write_file(const Place& place, MessageReader& message) {
  Result<std::unique_ptr<File>> file = co_await create(place);
  if (!file) co_return failure(file.error());
  LineEndWriter line_ends;
  std::string gathered;
  std::uint64_t offset = 0;
  for (;;) {
    const Result<Chain> next = co_await message.next();
    if (!next) co_return failure(next.error());
    if (next->empty()) break;
    for (std::size_t i = 0; i < next->slice_count(); ++i) {
      for (std::string_view piece = (*next)[i].view(); !piece.empty();) {
        const std::string_view part = piece.substr(0, kWriteBytes);
        line_ends.append(part, gathered);
        piece.remove_prefix(part.size());
        if (gathered.size() < kWriteBytes) continue;
        const Result<void> written = co_await write_all(**file, gathered, offset);
        if (!written) co_return failure(written.error());
        offset += gathered.size();
        gathered.clear();
      }
    }
  }
  line_ends.finish(gathered);
  const Result<void> written = co_await write_all(**file, gathered, offset);
  if (!written) co_return failure(written.error());
  const Result<std::size_t> synced = co_await (*file)->sync();
  if (!synced) co_return failure(synced.error());
  co_return offset + gathered.size();
}

Task<Result<void>> MaildirTransport::publish(const Place& place, std::uint64_t bytes) {
  const std::string new_directory = place.directory + "/new";
  const std::string final_path = fmt::format("{}/{},S={}", new_directory, place.name, bytes);
  Result<void> linked = co_await files_.link_new(place.tmp(), final_path);
  if (!linked && linked.error().code == Errc::not_found && options_.create_directory) {
    // Making the maildir was cut short between tmp and new.
    const Result<void> made = co_await make_maildir(place.directory);
    if (!made) co_return made;
    linked = co_await files_.link_new(place.tmp(), final_path);
  }
  // There already: an attempt before this one came so far, and was not recorded.
  if (!linked && linked.error().code != Errc::exists) co_return linked;
  co_return co_await files_.sync_directory(new_directory);
}

Task<Result<std::unique_ptr<File>>> MaildirTransport::create(const Place& place) {
  const OpenOptions options{.mode = OpenMode::create_new, .permissions = options_.mode};
  Result<std::unique_ptr<File>> file = co_await files_.open(place.tmp(), options);
  if (!file && file.error().code == Errc::not_found && options_.create_directory) {
    const Result<void> made = co_await make_maildir(place.directory);
    if (!made) co_return failure(made.error());
    file = co_await files_.open(place.tmp(), options);
  } else if (!file && file.error().code == Errc::exists) {  // left by an attempt that was interrupted
    const Result<void> removed = co_await files_.remove(place.tmp());
    if (!removed) co_return failure(removed.error());
    file = co_await files_.open(place.tmp(), options);
  }
  co_return file;
}

Task<Result<void>> MaildirTransport::make_maildir(const std::string& directory) {
  const Result<void> made = co_await make_directories(directory);
  if (!made) co_return made;
  for (const char* part : {"/tmp", "/new", "/cur"}) {
    const Result<void> one = co_await files_.make_directory(directory + part, options_.directory_mode);
    if (!one) co_return one;
  }
  co_return co_await files_.sync_directory(directory);
}

// `path` and those above it that are missing, durably.
Task<Result<void>> MaildirTransport::make_directories(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  Result<void> made = co_await files_.make_directory(path, options_.directory_mode);
  if (!made && made.error().code == Errc::not_found && parent != path) {
    made = co_await make_directories(parent);
    if (made) made = co_await files_.make_directory(path, options_.directory_mode);
  }
  if (!made) co_return made;
  co_return co_await files_.sync_directory(parent);
}

}  // namespace postern::delivery
