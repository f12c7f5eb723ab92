#include "engine/io/fake_file_system.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <set>
#include <utility>

#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::inline io {
namespace {

constexpr std::size_t kBlock = File::kDirectAlignment;
constexpr Error kNoPower{Errc::io, 5, "fake file: no power"};

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

FakeOp op_of(FileRequest::Kind kind) {
  switch (kind) {
    case FileRequest::Kind::read: return FakeOp::read;
    case FileRequest::Kind::write: return FakeOp::write;
    case FileRequest::Kind::write_durable: return FakeOp::write_durable;
    case FileRequest::Kind::sync: break;
  }
  return FakeOp::sync;
}

}  // namespace

class FakeFileSystem::Handle final : public File {
 public:
  Handle(FakeFileSystem& files, std::shared_ptr<Inode> inode, std::string path, bool direct)
      : files_(files), inode_(std::move(inode)), path_(std::move(path)), direct_(direct), epoch_(files.epoch_) {}
  ~Handle() override { POSTERN_CHECK(in_flight_ == 0); }

  void start(FileRequest& request) override {
    if (direct_ && request.kind != FileRequest::Kind::sync) {
      POSTERN_CHECK(request.chain == nullptr);
      POSTERN_CHECK(reinterpret_cast<std::uintptr_t>(request.bytes) % kBlock == 0);
      POSTERN_CHECK(request.size % kBlock == 0 && request.offset % kBlock == 0);
    }
    if (request.fixed_buffer >= 0 && !files_.registered_.empty()) {
      const auto& buffer = files_.registered_.at(static_cast<std::size_t>(request.fixed_buffer));
      POSTERN_CHECK(request.bytes >= buffer.data() && request.bytes + request.size <= buffer.data() + buffer.size());
    }
    ++in_flight_;
    files_.enqueue({.op = op_of(request.kind), .due = {}, .waiting = {}, .request = &request, .file = this});
  }

 private:
  friend class FakeFileSystem;
  [[nodiscard]] bool alive() const noexcept { return files_.power_ && epoch_ == files_.epoch_; }

  FakeFileSystem& files_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  bool direct_;
  std::uint64_t epoch_;
  std::size_t in_flight_ = 0;
};

// ---- time and order ----

struct FakeFileSystem::Pump {
  struct promise_type {
    Pump get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

struct FakeFileSystem::Park {
  FakeFileSystem& files;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    files.pump_ = handle;
    files.pump_parked_ = true;
    if (files.any_ready()) files.kick();
  }
  void await_resume() const noexcept {}
};

FakeFileSystem::Pump FakeFileSystem::run_pump(FakeFileSystem& files) {
  for (;;) {
    co_await Park{files};
    files.complete_ready();
  }
}

FakeFileSystem::FakeFileSystem() { pump_ = run_pump(*this).handle; }

FakeFileSystem::~FakeFileSystem() {
  POSTERN_CHECK(pending_.empty() && pump_parked_);
  pump_.destroy();
}

void FakeFileSystem::kick() {
  if (!pump_parked_) return;
  pump_parked_ = false;
  Scheduler::current().schedule(pump_);
}

void FakeFileSystem::enqueue(Pending pending) {
  pending.due = Scheduler::current().now();
  if (delay_ms_ > 0) pending.due = pending.due.plus_ms(delay_ms_);
  pending_.push_back(pending);
  if (is_ready(pending)) return kick();
  arm_alarm();
}

void FakeFileSystem::arm_alarm() {
  Instant first = Instant::never();
  for (const Pending& pending : pending_)
    if (!is_held(pending)) first = std::min(first, pending.due);
  if (!first.is_never()) Scheduler::current().arm(alarm_, first);
}

bool FakeFileSystem::is_held(const Pending& pending) const {
  if (pending.request != nullptr && std::ranges::find(held_offsets_, pending.request->offset) != held_offsets_.end())
    return true;
  return std::ranges::find(held_, pending.op) != held_.end();
}

bool FakeFileSystem::is_ready(const Pending& pending) const {
  return !is_held(pending) && pending.due <= Scheduler::current().now();
}

bool FakeFileSystem::any_ready() const {
  return std::ranges::any_of(pending_, [this](const Pending& pending) { return is_ready(pending); });
}

void FakeFileSystem::hold(FakeOp op, bool held) {
  std::erase(held_, op);
  if (held) held_.push_back(op);
  if (any_ready()) kick();
}

void FakeFileSystem::let_go_at(std::uint64_t offset) {
  std::erase(held_offsets_, offset);
  if (any_ready()) kick();
}

void FakeFileSystem::let_go() {
  held_.clear();
  held_offsets_.clear();
  if (any_ready()) kick();
}

std::optional<FakeFileSystem::Pending> FakeFileSystem::take_ready() {
  const auto ready = [this](const Pending& pending) { return is_ready(pending); };
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(pending_, ready));
  if (count == 0) return std::nullopt;
  std::uint64_t pass = reorder_ == nullptr ? 0 : reorder_->below(count);
  auto at = std::ranges::find_if(pending_, ready);
  for (; pass > 0; --pass) at = std::find_if(at + 1, pending_.end(), ready);
  const Pending taken = *at;
  pending_.erase(at);
  return taken;
}

void FakeFileSystem::complete_ready() {
  // Those started from within wait for the next round.
  for (std::size_t left = pending_.size(); left > 0; --left) {
    const std::optional<Pending> ready = take_ready();
    if (!ready) break;
    complete(*ready);
  }
  arm_alarm();
}

void FakeFileSystem::complete(const Pending& pending) {
  if (pending.request == nullptr) return Scheduler::current().schedule(pending.waiting);
  const Result<std::size_t> outcome = perform(*pending.request, *pending.file);
  --pending.file->in_flight_;
  pending.request->on_done(outcome);
}

// ---- files ----

Result<std::size_t> FakeFileSystem::perform(FileRequest& request, Handle& file) {
  if (!file.alive()) return failure(kNoPower);
  Inode& inode = *file.inode_;
  if (request.kind == FileRequest::Kind::read) {
    if (const FakeFault* fault = matching_fault(FakeOp::read, file.path_, request.offset)) return failure(fault->error);
    if (request.offset >= inode.data.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(request.size, inode.data.size() - request.offset);
    std::memcpy(request.bytes, inode.data.data() + request.offset, count);
    return count;
  }
  if (request.kind == FileRequest::Kind::sync) {
    if (const FakeFault* fault = matching_fault(FakeOp::sync, file.path_)) return failure(fault->error);
    if (may_change() != Change::yes) return failure(kNoPower);
    make_durable(inode);
    return std::size_t{0};
  }
  return perform_write(request, file, request.kind == FileRequest::Kind::write_durable);
}

Result<std::size_t> FakeFileSystem::perform_write(FileRequest& request, Handle& file, bool durable) {
  Inode& inode = *file.inode_;
  const std::string gathered = request.chain != nullptr ? request.chain->to_string() : std::string();
  const std::span<const std::byte> bytes =
      request.chain != nullptr ? std::as_bytes(std::span(gathered)) : std::span<const std::byte>(request.bytes, request.size);
  if (const FakeFault* fault = matching_fault(op_of(request.kind), file.path_, request.offset)) {
    write_settled(inode, bytes.first(std::min(fault->effective, bytes.size())), request.offset);
    if (fault->is_short) return std::min(fault->transferred, bytes.size() - 1);
    return failure(fault->error);
  }
  const std::uint64_t end = request.offset + request.size;
  if (end > inode.data.size() && used_bytes() + (end - inode.data.size()) > capacity_)
    return failure(Errc::disk_full, "fake file: write");
  const Change change = may_change();
  if (change == Change::no) return failure(kNoPower);
  if (change == Change::torn || !durable) write_unsynced(inode, bytes, request.offset);
  if (change == Change::torn) return failure(kNoPower);
  if (durable) write_settled(inode, bytes, request.offset);
  return request.size;
}

void FakeFileSystem::write_unsynced(Inode& inode, std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  if (end > inode.data.size()) inode.data.resize(end);
  for (std::uint64_t block = offset / kBlock; block * kBlock < end; ++block) {
    if (inode.before.contains(block)) continue;
    Block& before = inode.before[block];
    const std::uint64_t at = block * kBlock;
    if (at < inode.data.size())
      std::memcpy(before.data(), inode.data.data() + at, std::min<std::uint64_t>(kBlock, inode.data.size() - at));
  }
  std::memcpy(inode.data.data() + offset, bytes.data(), bytes.size());
}

void FakeFileSystem::write_settled(Inode& inode, std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  if (end > inode.data.size()) inode.data.resize(end);
  std::memcpy(inode.data.data() + offset, bytes.data(), bytes.size());
  if (!inode.before.empty())
    inode.before.erase(inode.before.lower_bound(offset / kBlock), inode.before.lower_bound((end + kBlock - 1) / kBlock));
  inode.durable_size = std::max(inode.durable_size, end);
}

void FakeFileSystem::make_durable(Inode& inode) {
  inode.before.clear();
  inode.durable_size = inode.data.size();
}

// ---- names ----

Result<std::shared_ptr<FakeFileSystem::Inode>> FakeFileSystem::find(std::string_view path, const char* where) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return failure(Errc::not_found, where);
  return found->second;
}

bool FakeFileSystem::has_parent(std::string_view path) const {
  const std::string parent = parent_of(path);
  if (parent.empty()) return true;
  const auto found = names_.find(parent);
  return found != names_.end() && found->second->is_directory;
}

FakeFault* FakeFileSystem::matching_fault(FakeOp op, std::string_view path, std::optional<std::uint64_t> offset) {
  for (FakeFault& fault : faults_) {
    if (fault.op != op || fault.count == 0 || path.find(fault.path_contains) == std::string_view::npos) continue;
    if (fault.offset && fault.offset != offset) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    --fault.count;
    return &fault;
  }
  return nullptr;
}

Result<void> FakeFileSystem::admit(FakeOp op, std::string_view path) {
  if (!power_) return failure(kNoPower);
  if (const FakeFault* fault = matching_fault(op, path)) return failure(fault->error);
  return {};
}

FakeFileSystem::Change FakeFileSystem::may_change() {
  if (!power_) return Change::no;
  if (changes_ >= cut_after_) {
    cut_power();
    return Change::torn;
  }
  ++changes_;
  return Change::yes;
}

Result<void> FakeFileSystem::change_names(std::string from, std::string to, std::shared_ptr<Inode> inode) {
  const Change change = may_change();
  if (change == Change::no) return failure(kNoPower);
  NameChange entry{.from = std::move(from), .to = std::move(to), .inode = std::move(inode), .unsynced = {}};
  for (const std::string* path : {&entry.from, &entry.to}) {
    if (path->empty()) continue;
    std::string parent = parent_of(*path);
    if (std::ranges::find(entry.unsynced, parent) == entry.unsynced.end()) entry.unsynced.push_back(std::move(parent));
  }
  apply(entry, names_);
  name_changes_.push_back(std::move(entry));
  if (change == Change::torn) return failure(kNoPower);
  return {};
}

void FakeFileSystem::apply(const NameChange& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

bool FakeFileSystem::touches(const NameChange& change, const std::set<std::string>& paths) {
  return paths.contains(change.from) || paths.contains(change.to);
}

// What a change depends on: earlier changes of its own names, and those that made the directories it lies in.
void FakeFileSystem::add_paths(const NameChange& change, std::set<std::string>& paths) {
  for (std::string path : {change.from, change.to})
    for (; !path.empty(); path = parent_of(path)) paths.insert(path);
}

void FakeFileSystem::settle(std::size_t index) {
  std::set<std::string> paths;
  std::vector<std::size_t> chosen;
  for (std::size_t i = index + 1; i-- > 0;) {
    if (i != index && !touches(name_changes_[i], paths)) continue;
    add_paths(name_changes_[i], paths);
    chosen.push_back(i);
  }
  for (auto it = chosen.rbegin(); it != chosen.rend(); ++it) apply(name_changes_[*it], durable_names_);
  for (const std::size_t i : chosen) name_changes_.erase(name_changes_.begin() + static_cast<std::ptrdiff_t>(i));
}

Task<Result<std::unique_ptr<File>>> FakeFileSystem::open(std::string path, OpenOptions options) {
  co_await Turn{*this, FakeOp::open};
  if (auto admitted = admit(FakeOp::open, path); !admitted) co_return failure(admitted.error());
  auto found = find(path, "fake file: open");
  const bool may_create = options.mode == OpenMode::create || options.mode == OpenMode::create_new;
  if (found && options.mode == OpenMode::create_new) co_return failure(Errc::exists, "fake file: open");
  if (found && (*found)->is_directory) co_return failure(Errc::invalid, "fake file: open a directory");
  if (!found) {
    if (!may_create || !has_parent(path)) co_return failure(found.error());
    found = std::make_shared<Inode>();
    if (auto changed = change_names("", path, *found); !changed) co_return failure(changed.error());
  }
  std::unique_ptr<File> file = std::make_unique<Handle>(*this, *found, path, options.direct);
  co_return file;
}

Task<Result<void>> FakeFileSystem::fill_with_zeros(std::string path, std::uint64_t bytes) {
  co_await Turn{*this, FakeOp::fill};
  if (auto admitted = admit(FakeOp::fill, path); !admitted) co_return failure(admitted.error());
  auto found = find(path, "fake file: fill");
  if (!found) {
    if (!has_parent(path)) co_return failure(found.error());
    found = std::make_shared<Inode>();
    if (auto changed = change_names("", path, *found); !changed) co_return failure(changed.error());
  }
  co_await Turn{*this, FakeOp::fill};
  Inode& inode = **found;
  const std::uint64_t more = bytes > inode.data.size() ? bytes - inode.data.size() : 0;
  const bool full = used_bytes() + more > capacity_;
  const Change change = may_change();
  if (change == Change::no) co_return failure(kNoPower);
  if (change == Change::torn || full) {
    // Stopped half-way.
    if (more > 0) inode.data.resize(inode.data.size() + more / 2);
    if (change == Change::torn) co_return failure(kNoPower);
    co_return failure(Errc::disk_full, "fake file: fill");
  }
  inode.data.resize(bytes);
  make_durable(inode);
  co_return Result<void>{};
}

Task<Result<void>> FakeFileSystem::make_directory(std::string path, unsigned) {
  co_await Turn{*this, FakeOp::make_directory};
  if (auto admitted = admit(FakeOp::make_directory, path); !admitted) co_return admitted;
  if (exists(path)) co_return Result<void>{};
  if (!has_parent(path)) co_return failure(Errc::not_found, "fake file: make directory");
  auto inode = std::make_shared<Inode>();
  inode->is_directory = true;
  co_return change_names("", path, std::move(inode));
}

Task<Result<std::vector<DirectoryEntry>>> FakeFileSystem::list(std::string directory) {
  co_await Turn{*this, FakeOp::list};
  if (auto admitted = admit(FakeOp::list, directory); !admitted) co_return failure(admitted.error());
  if (!directory.empty()) {
    const auto found = find(directory, "fake file: list");
    if (!found) co_return failure(found.error());
    directory += '/';
  }
  std::vector<DirectoryEntry> entries;
  for (auto it = names_.lower_bound(directory); it != names_.end() && it->first.starts_with(directory); ++it) {
    const std::string name = it->first.substr(directory.size());
    if (name.empty() || name.find('/') != std::string::npos) continue;
    entries.push_back({name, it->second->is_directory, it->second->data.size()});
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  co_return entries;
}

Task<Result<void>> FakeFileSystem::rename(std::string from, std::string to) {
  co_await Turn{*this, FakeOp::rename};
  if (auto admitted = admit(FakeOp::rename, from); !admitted) co_return admitted;
  auto found = find(from, "fake file: rename");
  if (!found) co_return failure(found.error());
  if (!has_parent(to)) co_return failure(Errc::not_found, "fake file: rename");
  POSTERN_CHECK(!(*found)->is_directory);
  co_return change_names(from, to, *found);
}

Task<Result<void>> FakeFileSystem::link_new(std::string from, std::string to) {
  co_await Turn{*this, FakeOp::link};
  if (auto admitted = admit(FakeOp::link, from); !admitted) co_return admitted;
  auto found = find(from, "fake file: link");
  if (!found) co_return failure(found.error());
  if (exists(to)) co_return failure(Errc::exists, "fake file: link");
  if (!has_parent(to)) co_return failure(Errc::not_found, "fake file: link");
  co_return change_names("", to, *found);
}

Task<Result<void>> FakeFileSystem::remove(std::string path) {
  co_await Turn{*this, FakeOp::remove};
  if (auto admitted = admit(FakeOp::remove, path); !admitted) co_return admitted;
  if (auto found = find(path, "fake file: remove"); !found) co_return failure(found.error());
  co_return change_names(path, "", nullptr);
}

Task<Result<void>> FakeFileSystem::sync_directory(std::string directory) {
  if (directory == ".") directory.clear();
  co_await Turn{*this, FakeOp::sync_directory};
  if (auto admitted = admit(FakeOp::sync_directory, directory); !admitted) co_return admitted;
  if (!directory.empty())
    if (auto found = find(directory, "fake file: sync directory"); !found) co_return failure(found.error());
  if (may_change() != Change::yes) co_return failure(kNoPower);
  for (std::size_t i = 0; i < name_changes_.size();) {
    NameChange& change = name_changes_[i];
    if (std::erase(change.unsynced, directory) > 0 && change.unsynced.empty()) {
      settle(i);
      i = 0;
    } else {
      ++i;
    }
  }
  co_return Result<void>{};
}

Task<Result<SpaceInfo>> FakeFileSystem::space(std::string path) {
  co_await Turn{*this, FakeOp::space};
  if (auto admitted = admit(FakeOp::space, path); !admitted) co_return failure(admitted.error());
  const std::uint64_t used = std::min(used_bytes(), capacity_);
  co_return SpaceInfo{.free_bytes = capacity_ - used, .total_bytes = capacity_, .free_inodes = 1'000'000};
}

Task<Result<std::string>> FakeFileSystem::read_all(std::string path, std::size_t bytes_max) {
  co_await Turn{*this, FakeOp::read};
  if (auto admitted = admit(FakeOp::read, path); !admitted) co_return failure(admitted.error());
  const auto found = find(path, "fake file: read");
  if (!found) co_return failure(found.error());
  const std::vector<std::byte>& data = (*found)->data;
  if (data.size() > bytes_max) co_return failure(Errc::too_large, "fake file: read");
  co_return std::string(reinterpret_cast<const char*>(data.data()), data.size());
}

Task<Result<void>> FakeFileSystem::replace(std::string path, std::string content) {
  const std::string fresh = path + ".new";
  co_await Turn{*this, FakeOp::write};
  if (auto admitted = admit(FakeOp::write, fresh); !admitted) co_return admitted;
  if (!has_parent(path)) co_return failure(Errc::not_found, "fake file: replace");
  if (used_bytes() + content.size() > capacity_) co_return failure(Errc::disk_full, "fake file: replace");
  auto inode = std::make_shared<Inode>();
  write_unsynced(*inode, std::as_bytes(std::span(content)), 0);
  if (auto changed = change_names("", fresh, inode); !changed) co_return changed;
  co_await Turn{*this, FakeOp::sync};
  if (auto admitted = admit(FakeOp::sync, fresh); !admitted) co_return admitted;
  if (may_change() != Change::yes) co_return failure(kNoPower);
  make_durable(*inode);
  if (auto renamed = co_await rename(fresh, path); !renamed) co_return renamed;
  co_return co_await sync_directory(parent_of(path));
}

Result<void> FakeFileSystem::register_buffers(std::vector<std::span<std::byte>> buffers) {
  if (!registered_.empty()) return failure(Errc::exists, "fake file: register buffers");
  registered_ = std::move(buffers);
  return {};
}

std::uint64_t FakeFileSystem::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [name, inode] : names_) used += inode->data.size();
  return used;
}

// ---- power ----

void FakeFileSystem::cut_power() {
  if (!power_) return;
  power_ = false;
  for (const Pending& pending : pending_) {
    if (pending.request == nullptr || pending.file->epoch_ != epoch_) continue;
    if (pending.op == FakeOp::write || pending.op == FakeOp::write_durable)
      write_unsynced(*pending.file->inode_, {pending.request->bytes, pending.request->size}, pending.request->offset);
  }
}

void FakeFileSystem::survive(Inode& inode, Survival survival, Random* random) {
  const auto keep = [&] { return survival == Survival::all || (survival == Survival::random && random->below(2) == 0); };
  const std::uint64_t size = inode.data.size();
  if (size > inode.durable_size && !keep()) inode.data.resize(inode.durable_size);
  for (const auto& [block, before] : inode.before) {
    const std::uint64_t at = block * kBlock;
    if (at >= inode.data.size() || keep()) continue;
    std::memcpy(inode.data.data() + at, before.data(), std::min<std::uint64_t>(kBlock, inode.data.size() - at));
  }
  make_durable(inode);
}

void FakeFileSystem::restart(Survival survival, Random* random) {
  POSTERN_CHECK(pending_.empty());
  POSTERN_CHECK(survival != Survival::random || random != nullptr);
  std::set<std::string> lost;
  for (const NameChange& change : name_changes_) {
    std::set<std::string> paths;
    add_paths(change, paths);
    const bool depends = std::ranges::any_of(paths, [&](const std::string& path) { return lost.contains(path); });
    const bool keep = !depends && (survival == Survival::all || (survival == Survival::random && random->below(2) == 0));
    if (keep) {
      apply(change, durable_names_);
    } else {
      lost.insert(change.from);
      lost.insert(change.to);
    }
  }
  lost.erase("");
  name_changes_.clear();
  names_ = durable_names_;
  std::set<Inode*> seen;
  for (const auto& [name, inode] : names_)
    if (seen.insert(inode.get()).second) survive(*inode, survival, random);
  power_ = true;
  ++epoch_;
  cut_after_ = UINT64_MAX;
  delay_ms_ = 0;
  reorder_ = nullptr;
  held_.clear();
  held_offsets_.clear();
  faults_.clear();
  registered_.clear();
}

std::span<std::byte> FakeFileSystem::bytes(std::string_view path) {
  const auto found = find(path, "");
  if (!found) return {};
  return (*found)->data;
}

}  // namespace postern::inline io
