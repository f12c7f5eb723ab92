// A disk in memory, for tests and simulations: it forgets what was not synced, tears what was in flight, fails when told to,
// and takes its time.
//
// The model. A plain write is visible at once and durable after a sync of its file; a durable write is durable when it
// completes. Names (creations, renames, removals) are durable after a sync of every directory they touch; one that depends on
// another never survives it. When power is cut, each 4 KiB block written and not yet durable stays or goes by itself, and so
// does each change of names.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/result.h"
#include "engine/coro/task.h"
#include "engine/coro/timer_queue.h"
#include "engine/io/file.h"

namespace postern::inline io {

enum class FakeOp : std::uint8_t {
  open,
  fill,
  make_directory,
  list,
  rename,
  link,
  remove,
  sync_directory,
  space,
  read,
  write,
  write_durable,
  sync,
};

struct FakeFault {
  FakeOp op = FakeOp::write_durable;
  std::string path_contains;            // empty: any path (of the file, the directory, or where a rename begins)
  std::optional<std::uint64_t> offset;  // when given: only operations on files there
  std::uint64_t skip = 0;               // matching operations that pass first
  std::uint64_t count = 1;              // and how many then fail
  Error error{Errc::io, 5, "fake file"};
  bool is_short = false;  // a write reports `transferred` bytes, fewer than asked, instead of the error
  std::size_t transferred = 0;
  std::size_t effective = 0;  // bytes of a failed or short write that are on the disk all the same, durably
};

// One thread, under any Scheduler. Outlives its files; destroyed when nothing is in flight.
class FakeFileSystem final : public FileSystem {
 public:
  FakeFileSystem();
  ~FakeFileSystem() override;
  FakeFileSystem(const FakeFileSystem&) = delete;
  FakeFileSystem& operator=(const FakeFileSystem&) = delete;

  [[nodiscard]] Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  [[nodiscard]] Task<Result<void>> fill_with_zeros(std::string path, std::uint64_t bytes) override;
  [[nodiscard]] Task<Result<void>> make_directory(std::string path, unsigned permissions) override;
  [[nodiscard]] Task<Result<std::vector<DirectoryEntry>>> list(std::string directory) override;
  [[nodiscard]] Task<Result<void>> rename(std::string from, std::string to) override;
  [[nodiscard]] Task<Result<void>> link_new(std::string from, std::string to) override;
  [[nodiscard]] Task<Result<void>> remove(std::string path) override;
  [[nodiscard]] Task<Result<void>> sync_directory(std::string directory) override;
  [[nodiscard]] Task<Result<SpaceInfo>> space(std::string path) override;
  [[nodiscard]] Task<Result<std::string>> read_all(std::string path, std::size_t bytes_max) override;
  [[nodiscard]] Task<Result<void>> replace(std::string path, std::string content) override;
  [[nodiscard]] Result<void> register_buffers(std::vector<std::span<std::byte>> buffers) override;

  // ---- time and order ----
  // Every operation completes that much later; 0: in a later step of the loop.
  void set_delay_ms(std::int64_t delay_ms) noexcept { delay_ms_ = delay_ms; }
  // What is ready completes in an order drawn from `random` (nullptr: first come, first served). It outlives its use.
  void set_reorder(Random* random) noexcept { reorder_ = random; }
  // Held operations wait until let go.
  void hold(FakeOp op, bool held = true);
  // As hold(), for operations on files at that offset.
  void hold_at(std::uint64_t offset) { held_offsets_.push_back(offset); }
  void let_go_at(std::uint64_t offset);
  void let_go();
  [[nodiscard]] std::size_t in_flight() const noexcept { return pending_.size(); }

  // ---- faults ----
  void inject(FakeFault fault) { faults_.push_back(std::move(fault)); }
  void clear_faults() { faults_.clear(); }
  // Bytes that files may use together; beyond it disk_full.
  void set_capacity(std::uint64_t bytes) noexcept { capacity_ = bytes; }

  // ---- power ----
  // Operations that changed something so far: writes, syncs, changes of names.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  // Power goes when that many changes have been made in all: those in flight then are torn, and everything later fails with
  // Errc::io.
  void cut_power_after(std::uint64_t changes) noexcept { cut_after_ = changes; }
  void cut_power();
  [[nodiscard]] bool has_power() const noexcept { return power_; }
  enum class Survival : std::uint8_t { none, all, random };
  // Power comes back. What was not durable stays or goes as `survival` says (`random` only then needed). Files opened before
  // stay dead. Faults, delays and holds are gone. Nothing may be in flight.
  void restart(Survival survival, Random* random = nullptr);

  // ---- looking in ----
  // The bytes of a file as a reader would see them, to look at or to rot; changes made here are durable. Empty when there is
  // none.
  [[nodiscard]] std::span<std::byte> bytes(std::string_view path);
  [[nodiscard]] bool exists(std::string_view path) const { return names_.contains(path); }

 private:
  class Handle;
  friend class Handle;

  using Block = std::array<std::byte, 4096>;
  struct Inode {
    bool is_directory = false;
    std::vector<std::byte> data;
    std::uint64_t durable_size = 0;
    std::map<std::uint64_t, Block> before;  // durable contents of blocks written since
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;
  struct NameChange {
    std::string from;  // removed, when not empty
    std::string to;    // set to `inode`, when not empty
    std::shared_ptr<Inode> inode;
    std::vector<std::string> unsynced;  // directories
  };
  struct Pending {
    FakeOp op;
    Instant due;
    std::coroutine_handle<> waiting;  // a call of the file system, or
    FileRequest* request = nullptr;   // an operation on
    Handle* file = nullptr;           // this file
  };
  // Suspends a call until it may take effect.
  struct Turn {
    FakeFileSystem& files;
    FakeOp op;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { files.enqueue({.op = op, .due = {}, .waiting = handle}); }
    void await_resume() const noexcept {}
  };
  struct Pump;
  struct Park;
  class Alarm final : public Timer {
   public:
    explicit Alarm(FakeFileSystem& files) noexcept : files_(files) {}
    void on_timer() override { files_.kick(); }

   private:
    FakeFileSystem& files_;
  };

  enum class Change : std::uint8_t { yes, torn, no };  // torn: the last one, which may or may not survive

  void enqueue(Pending pending);
  void kick();
  void arm_alarm();
  [[nodiscard]] bool is_held(const Pending& pending) const;
  [[nodiscard]] bool is_ready(const Pending& pending) const;
  [[nodiscard]] bool any_ready() const;
  static Pump run_pump(FakeFileSystem& files);
  void complete_ready();
  std::optional<Pending> take_ready();
  void complete(const Pending& pending);
  Result<std::size_t> perform(FileRequest& request, Handle& file);
  Result<std::size_t> perform_write(FileRequest& request, Handle& file, bool durable);

  // Counts a change, or cuts power in its place.
  Change may_change();
  [[nodiscard]] Result<void> admit(FakeOp op, std::string_view path);
  [[nodiscard]] FakeFault* matching_fault(FakeOp op, std::string_view path, std::optional<std::uint64_t> offset = {});
  [[nodiscard]] Result<std::shared_ptr<Inode>> find(std::string_view path, const char* where) const;
  [[nodiscard]] bool has_parent(std::string_view path) const;
  Result<void> change_names(std::string from, std::string to, std::shared_ptr<Inode> inode);
  static void apply(const NameChange& change, Names& names);
  static bool touches(const NameChange& change, const std::set<std::string>& paths);
  static void add_paths(const NameChange& change, std::set<std::string>& paths);
  void settle(std::size_t index);
  [[nodiscard]] std::uint64_t used_bytes() const;
  static void write_unsynced(Inode& inode, std::span<const std::byte> bytes, std::uint64_t offset);
  static void write_settled(Inode& inode, std::span<const std::byte> bytes, std::uint64_t offset);
  static void make_durable(Inode& inode);
  static void survive(Inode& inode, Survival survival, Random* random);

  Names names_;                          // as seen
  Names durable_names_;                  // as after a loss of power that keeps nothing
  std::deque<NameChange> name_changes_;  // between the two, in order
  std::vector<Pending> pending_;
  std::vector<FakeFault> faults_;
  std::vector<FakeOp> held_;
  std::vector<std::uint64_t> held_offsets_;
  std::vector<std::span<std::byte>> registered_;
  std::int64_t delay_ms_ = 0;
  Random* reorder_ = nullptr;
  std::uint64_t capacity_ = std::uint64_t{1} << 40;
  std::uint64_t changes_ = 0;
  std::uint64_t cut_after_ = UINT64_MAX;
  std::uint64_t epoch_ = 0;  // of the power; files of an earlier one are dead
  bool power_ = true;
  Alarm alarm_{*this};
  std::coroutine_handle<> pump_;
  bool pump_parked_ = false;
};

}  // namespace postern::inline io
