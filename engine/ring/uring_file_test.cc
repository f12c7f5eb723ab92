// Files and directories through the real kernel: on the file system of the temporary directory, and on tmpfs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <latch>
#include <sstream>

#include "engine/base/random.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/ring/blocking_files.h"
#include "engine/ring/uring_file.h"
#include "engine/ring/uring_file_system.h"
#include "engine/shard/loop.h"

namespace postern::ring {
namespace {

namespace fs = std::filesystem;

// Memory as O_DIRECT wants it.
class Aligned {
 public:
  explicit Aligned(std::size_t size)
      : bytes_(static_cast<std::byte*>(std::aligned_alloc(File::kDirectAlignment, size)), std::free), size_(size) {}
  [[nodiscard]] std::span<std::byte> span() const { return {bytes_.get(), size_}; }
  void fill(std::uint64_t seed) {
    SeededRandom random(seed);
    for (std::byte& b : span()) b = static_cast<std::byte>(random.next());
  }

 private:
  std::unique_ptr<std::byte, void (*)(void*)> bytes_;
  std::size_t size_;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
void make_file(const std::string& path, std::string_view content) { std::ofstream(path, std::ios::binary) << content; }

class Files : public ::testing::TestWithParam<const char*> {
 public:
  Files() : loop_(clock_) {
    directory_ = std::string(GetParam()) + "/postern-files-XXXXXX";
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    ring_ = std::move(*Ring::create({.sq_entries = 64, .cq_entries = 256, .direct_descriptors = 8}));
    mailbox_.emplace(64, ring_->waker());
    loop_.add(*ring_);
    loop_.add(*mailbox_);
    loop_.set_sleeper(*ring_);
    shard::Offload::set_home(&*mailbox_);
    offload_.emplace(2, 32);
    root_ = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    files_.emplace(*ring_, *offload_, ::dup(root_));
  }
  ~Files() override {
    offload_.reset();
    shard::Offload::set_home(nullptr);
    ::close(root_);
    fs::remove_all(directory_);
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  // Runs `test` as the loop's main coroutine.
  using Main = Task<void> (*)(Files&);
  void run(Main main) { loop_.run(main(*this)); }

  SystemClock clock_;
  shard::Loop loop_;
  std::string directory_;
  std::unique_ptr<Ring> ring_;
  std::optional<shard::Mailbox> mailbox_;
  std::optional<shard::Offload> offload_;
  std::optional<UringFileSystem> files_;
  int root_ = -1;
};

INSTANTIATE_TEST_SUITE_P(OnDisk, Files, ::testing::Values("/tmp"));
INSTANTIATE_TEST_SUITE_P(OnTmpfs, Files, ::testing::Values("/dev/shm"));

TEST_P(Files, ReadsAndWritesAndStopsAtTheEnd) {
  run([](Files& test) -> Task<void> {
    auto file = std::move(*co_await test.files_->open("a", {.mode = OpenMode::create}));
    Aligned bytes(8192);
    bytes.fill(1);
    EXPECT_EQ(*co_await file->write(bytes.span().first(5000), 0), 5000U);
    EXPECT_EQ(*co_await file->sync(), 0U);
    Aligned back(8192);
    EXPECT_EQ(*co_await file->read(back.span(), 0), 5000U) << "short at the end of the file";
    EXPECT_TRUE(std::ranges::equal(bytes.span().first(5000), back.span().first(5000)));
    EXPECT_EQ(*co_await file->read(back.span().first(100), 4950), 50U);
    EXPECT_EQ(*co_await file->read(back.span(), 5000), 0U);
    EXPECT_EQ(*co_await file->read(back.span(), 1'000'000), 0U);
    EXPECT_EQ(*co_await file->write_durable(bytes.span().first(10), 5000), 10U);
    EXPECT_EQ(*co_await file->read(back.span(), 4990), 20U);
  });
}

TEST_P(Files, SlicesAreWrittenOneBehindTheOther) {
  run([](Files& test) -> Task<void> {
    auto file = std::move(*co_await test.files_->open("gathered", {.mode = OpenMode::create}));
    BlockPool pool;
    std::string model = "0123456789";
    EXPECT_TRUE(co_await file->write(std::as_bytes(std::span(model)), 0));
    Chain chain;
    for (std::size_t i = 0; i < File::kGatherSlicesMax; ++i) {
      const std::string text = std::to_string(i) + ",";
      chain.append(copy_to_slice(pool, text));
      model += text;
    }
    EXPECT_EQ(*co_await file->write(chain, 10), chain.size());
    Chain few;
    few.append(Slice::literal("ab"));
    few.append(copy_to_slice(pool, "cd"));
    EXPECT_EQ(*co_await file->write(few, 3), 4U) << "an operation that was used before";
    model.replace(3, 4, "abcd");
    EXPECT_EQ(content_of(test.path("gathered")), model);
  });
}

TEST_P(Files, DirectWritesAreOnTheDisk) {
  run([](Files& test) -> Task<void> {
    EXPECT_TRUE(co_await test.files_->fill_with_zeros("segment", 1024 * 1024));
    auto file = std::move(*co_await test.files_->open("segment", {.mode = OpenMode::read_write, .direct = true}));
    Aligned bytes(16384);
    bytes.fill(2);
    EXPECT_EQ(*co_await file->write_durable(bytes.span(), 4096), 16384U);
    Aligned back(16384);
    EXPECT_EQ(*co_await file->read(back.span(), 4096), 16384U);
    EXPECT_TRUE(std::ranges::equal(bytes.span(), back.span()));
    EXPECT_EQ(content_of(test.path("segment")).substr(4096, 16384),
              std::string(reinterpret_cast<const char*>(bytes.span().data()), 16384));
    EXPECT_EQ(fs::file_size(test.path("segment")), 1024U * 1024);
  });
}

TEST_P(Files, RegisteredBuffersAreUsedByNumber) {
  run([](Files& test) -> Task<void> {
    Aligned batch(65536);
    Aligned other(65536);
    batch.fill(3);
    other.fill(4);
    auto file = std::move(*co_await test.files_->open("segment", {.mode = OpenMode::create, .direct = true}));
    EXPECT_EQ(*co_await file->write_durable(batch.span(), 0, 0), 65536U) << "ignored while none is registered";
    EXPECT_TRUE(test.files_->register_buffers({batch.span(), other.span()}));
    EXPECT_EQ(*co_await file->write_durable(other.span(), 65536, 1), 65536U);
    EXPECT_EQ(*co_await file->write_durable(batch.span().subspan(4096, 8192), 131072, 0), 8192U) << "a part of one";
    EXPECT_FALSE(co_await file->write_durable(batch.span(), 0, 1)) << "memory that is not the buffer's";
    EXPECT_FALSE(co_await file->write_durable(batch.span(), 0, 7)) << "no such buffer";
    Aligned back(65536);
    EXPECT_EQ(*co_await file->read(back.span(), 65536), 65536U);
    EXPECT_TRUE(std::ranges::equal(other.span(), back.span()));
  });
}

TEST_P(Files, ManyOperationsSideBySide) {
  struct Writer {
    static Task<void> run(File& file, std::size_t block) {
      Aligned bytes(4096);
      bytes.fill(block);
      const Result<std::size_t> written = block % 3 == 0 ? co_await file.write_durable(bytes.span(), block * 4096)
                                                         : co_await file.write(bytes.span(), block * 4096);
      EXPECT_EQ(*written, 4096U);
      if (block % 5 == 0) EXPECT_TRUE(co_await file.sync());
      Aligned back(4096);
      EXPECT_EQ(*co_await file.read(back.span(), block * 4096), 4096U);
      EXPECT_TRUE(std::ranges::equal(bytes.span(), back.span()));
    }
  };
  run([](Files& test) -> Task<void> {
    auto file = std::move(*co_await test.files_->open("a", {.mode = OpenMode::create}));
    Gate gate;
    for (std::size_t block = 0; block < 200; ++block) gate.start(Writer::run(*file, block));
    co_await gate.close();
  });
  EXPECT_EQ(ring_->operations_in_flight(), 1U);
}

TEST_P(Files, WorkWithoutADirectDescriptorWhenNoneIsLeft) {
  run([](Files& test) -> Task<void> {
    std::vector<std::unique_ptr<File>> open;
    const std::size_t slots = test.ring_->free_slots();
    for (std::size_t i = 0; i < slots + 3; ++i)
      open.push_back(std::move(*co_await test.files_->open("f" + std::to_string(i), {.mode = OpenMode::create})));
    EXPECT_EQ(test.ring_->free_slots(), 0U);
    Aligned bytes(4096);
    for (const auto& file : open) {
      EXPECT_EQ(*co_await file->write_durable(bytes.span(), 0), 4096U);
      EXPECT_EQ(*co_await file->read(bytes.span(), 0), 4096U);
      EXPECT_TRUE(co_await file->sync());
    }
    open.clear();
    EXPECT_EQ(test.ring_->free_slots(), slots);
  });
}

TEST_P(Files, OpenModes) {
  run([](Files& test) -> Task<void> {
    EXPECT_EQ((co_await test.files_->open("a", {.mode = OpenMode::read})).error().code, Errc::not_found);
    EXPECT_EQ((co_await test.files_->open("a", {.mode = OpenMode::read_write})).error().code, Errc::not_found);
    EXPECT_TRUE(co_await test.files_->open("a", {.mode = OpenMode::create_new, .permissions = 0640}));
    EXPECT_EQ((co_await test.files_->open("a", {.mode = OpenMode::create_new})).error().code, Errc::exists);
    EXPECT_TRUE(co_await test.files_->open("a", {.mode = OpenMode::create}));
    EXPECT_TRUE(co_await test.files_->open("b", {.mode = OpenMode::create_new, .direct = true}));
    EXPECT_EQ((co_await test.files_->open("b", {.mode = OpenMode::create_new, .direct = true})).error().code, Errc::exists);
    EXPECT_TRUE(co_await test.files_->open(test.path("a"), {})) << "an absolute path";
    struct stat status{};
    EXPECT_EQ(::stat(test.path("a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0640U);
    auto file = std::move(*co_await test.files_->open("a", {.mode = OpenMode::read}));
    Aligned bytes(4096);
    EXPECT_FALSE(co_await file->write(bytes.span(), 0)) << "opened for reading";
  });
}

TEST_P(Files, NoFileIsOpenedThroughALinkInTheLastComponent) {
  make_file(path("target"), "secret");
  fs::create_directory(path("directory"));
  make_file(path("directory/inside"), "x");
  fs::create_symlink(path("target"), path("link"));
  fs::create_directory_symlink(path("directory"), path("link_to_directory"));
  fs::create_symlink(path("nowhere"), path("dangling"));
  run([](Files& test) -> Task<void> {
    UringFileSystem& files = *test.files_;
    for (const char* link : {"link", "dangling"}) {
      EXPECT_FALSE(co_await files.open(link, {}));
      EXPECT_FALSE(co_await files.open(link, {.mode = OpenMode::create}));
      EXPECT_FALSE(co_await files.read_all(link, 1000));
      EXPECT_FALSE(co_await files.fill_with_zeros(link, 4096));
    }
    EXPECT_FALSE(co_await files.make_directory("dangling", 0700));
    EXPECT_FALSE(co_await files.make_directory("link", 0700)) << "a link to a file";
    // Directories are only looked at, and on the way to something links are followed anyhow.
    EXPECT_TRUE(co_await files.make_directory("link_to_directory", 0700));
    EXPECT_TRUE(co_await files.list("link_to_directory"));
    EXPECT_TRUE(co_await files.sync_directory("link_to_directory"));
    EXPECT_TRUE(co_await files.open("link_to_directory/inside", {}));
    EXPECT_TRUE(co_await files.replace("link_to_directory/inside", "new"));
    EXPECT_TRUE(co_await files.replace("link", "new")) << "replaces the link and not what it points to";
    EXPECT_TRUE(co_await files.remove("dangling"));
  });
  EXPECT_EQ(content_of(path("target")), "secret");
  EXPECT_EQ(content_of(path("link")), "new");
  EXPECT_FALSE(fs::is_symlink(path("link")));
  EXPECT_EQ(content_of(path("directory/inside")), "new");
  EXPECT_FALSE(fs::exists(path("nowhere")));
}

TEST_P(Files, DirectoriesAreMadeListedAndSynced) {
  make_file(path("b"), "12345");
  make_file(path("a"), "");
  run([](Files& test) -> Task<void> {
    UringFileSystem& files = *test.files_;
    EXPECT_TRUE(co_await files.make_directory("c", 0700));
    EXPECT_TRUE(co_await files.make_directory("c", 0700)) << "it is there";
    EXPECT_FALSE(co_await files.make_directory("a", 0700)) << "there is something else";
    EXPECT_EQ((co_await files.make_directory("x/y", 0700)).error().code, Errc::not_found);
    for (int i = 0; i < 300; ++i) make_file(test.path("c/" + std::to_string(1000 - i)), "");
    const auto listed = std::move(*co_await files.list("."));
    EXPECT_EQ(listed.size(), 3U);
    EXPECT_EQ(listed[0].name, "a");
    EXPECT_EQ(listed[1].name, "b");
    EXPECT_EQ(listed[1].size_bytes, 5U);
    EXPECT_FALSE(listed[1].is_directory);
    EXPECT_EQ(listed[2].name, "c");
    EXPECT_TRUE(listed[2].is_directory);
    const auto many = std::move(*co_await files.list("c"));
    EXPECT_EQ(many.size(), 300U);
    EXPECT_TRUE(std::ranges::is_sorted(many, {}, &DirectoryEntry::name));
    EXPECT_EQ((co_await files.list("nowhere")).error().code, Errc::not_found);
    EXPECT_FALSE(co_await files.list("a")) << "not a directory";
    EXPECT_TRUE(co_await files.sync_directory("c"));
    EXPECT_TRUE(co_await files.sync_directory("."));
    EXPECT_EQ((co_await files.sync_directory("nowhere")).error().code, Errc::not_found);
    const auto space = *co_await files.space(".");
    EXPECT_GT(space.free_bytes, 0U);
    EXPECT_GE(space.total_bytes, space.free_bytes);
  });
}

TEST_P(Files, NamesMove) {
  make_file(path("a"), "a");
  make_file(path("b"), "b");
  run([](Files& test) -> Task<void> {
    UringFileSystem& files = *test.files_;
    EXPECT_EQ((co_await files.link_new("a", "b")).error().code, Errc::exists);
    EXPECT_TRUE(co_await files.link_new("a", "c"));
    EXPECT_TRUE(co_await files.rename("a", "b"));
    EXPECT_EQ((co_await files.rename("a", "b")).error().code, Errc::not_found);
    EXPECT_TRUE(co_await files.remove("c"));
    EXPECT_EQ((co_await files.remove("c")).error().code, Errc::not_found);
  });
  EXPECT_EQ(content_of(path("b")), "a");
  EXPECT_FALSE(fs::exists(path("a")));
}

TEST_P(Files, SmallFilesWhole) {
  make_file(path("a"), "hello");
  make_file(path("empty"), "");
  run([](Files& test) -> Task<void> {
    UringFileSystem& files = *test.files_;
    EXPECT_EQ(*co_await files.read_all("a", 5), "hello");
    EXPECT_EQ(*co_await files.read_all("a", SIZE_MAX), "hello");
    EXPECT_EQ((co_await files.read_all("a", 4)).error().code, Errc::too_large);
    EXPECT_EQ(*co_await files.read_all("empty", 0), "");
    EXPECT_EQ((co_await files.read_all("nowhere", 5)).error().code, Errc::not_found);
    EXPECT_FALSE(co_await files.read_all(".", 1'000'000)) << "a directory";
    EXPECT_TRUE(co_await files.replace("a", "replaced"));
    EXPECT_EQ(*co_await files.read_all("a", 100), "replaced");
    EXPECT_TRUE(co_await files.replace("new one", std::string(3'000'000, 'x')));
    EXPECT_EQ((*co_await files.read_all("new one", 3'000'000)).size(), 3'000'000U);
    EXPECT_TRUE(co_await files.replace(test.path("a"), "")) << "an absolute path";
    EXPECT_EQ(*co_await files.read_all("a", 100), "");
    EXPECT_FALSE(co_await files.replace("nowhere/a", "x"));
  });
  make_file(path("b.new"), "left by a crash, and longer than what comes now");
  run([](Files& test) -> Task<void> { EXPECT_TRUE(co_await test.files_->replace("b", "short")); });
  EXPECT_EQ(content_of(path("b")), "short");
  for (const auto& entry : fs::directory_iterator(directory_)) EXPECT_NE(entry.path().extension(), ".new");
}

// What the file system says about where a file's bytes are; nothing when it does not say.
struct Layout {
  std::uint64_t mapped_bytes = 0;
  std::uint64_t unwritten_bytes = 0;
};
std::optional<Layout> layout_of(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + 512 * sizeof(fiemap_extent)> memory{};
  auto& map = *reinterpret_cast<fiemap*>(memory.data());
  map.fm_length = FIEMAP_MAX_OFFSET;
  map.fm_flags = FIEMAP_FLAG_SYNC;
  map.fm_extent_count = 512;
  const int answered = ::ioctl(descriptor, FS_IOC_FIEMAP, &map);
  ::close(descriptor);
  if (answered != 0) return std::nullopt;
  Layout layout;
  const auto* extents = reinterpret_cast<const fiemap_extent*>(memory.data() + sizeof(fiemap));
  for (std::uint32_t i = 0; i < map.fm_mapped_extents; ++i) {
    layout.mapped_bytes += extents[i].fe_length;
    if ((extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0) layout.unwritten_bytes += extents[i].fe_length;
  }
  return layout;
}

TEST_P(Files, FilledFilesAreReallyWritten) {
  constexpr std::uint64_t kBytes = 5 * 1024 * 1024;
  run([](Files& test) -> Task<void> {
    EXPECT_TRUE(co_await test.files_->fill_with_zeros("segment", kBytes));
    EXPECT_TRUE(co_await test.files_->fill_with_zeros("segment", kBytes)) << "it is as it should be";
  });
  EXPECT_EQ(content_of(path("segment")), std::string(kBytes, '\0'));
  if (const auto layout = layout_of(path("segment"))) {
    EXPECT_EQ(layout->mapped_bytes, kBytes);
    EXPECT_EQ(layout->unwritten_bytes, 0U);
  } else {
    struct stat status{};
    EXPECT_EQ(::stat(path("segment").c_str(), &status), 0);
    EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, kBytes);
  }
}

TEST_P(Files, FillingKeepsWhatIsThereAndCutsWhatIsTooMuch) {
  static const std::string kBefore(10'000, 'x');
  for (const std::uint64_t bytes :
       {0ULL, 1ULL, 4096ULL, 9999ULL, 10'000ULL, 10'001ULL, 12'288ULL, 1'048'576ULL, 1'048'577ULL, 3'000'000ULL}) {
    for (const std::size_t before : {0U, 1U, 4095U, 4096U, 5000U, 10'000U}) {
      make_file(path("segment"), kBefore.substr(0, before));
      ASSERT_TRUE(blocking::fill_with_zeros(root_, "segment", bytes)) << bytes << " " << before;
      std::string expected = kBefore.substr(0, std::min<std::size_t>(before, bytes));
      expected.resize(bytes, '\0');
      ASSERT_EQ(content_of(path("segment")), expected) << bytes << " after " << before;
    }
    fs::remove(path("segment"));
  }
}

TEST_P(Files, AnInterruptedFillIsTakenUpAgain) {
  constexpr std::uint64_t kBytes = 4 * 1024 * 1024;
  // Stopped after the extent was promised and part of it was written.
  const int descriptor = ::open(path("segment").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  static_cast<void>(::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, kBytes));
  const std::string part(1'000'000, '\0');
  ASSERT_EQ(::pwrite(descriptor, part.data(), part.size(), 0), std::ssize(part));
  ::close(descriptor);
  ASSERT_TRUE(blocking::fill_with_zeros(root_, "segment", kBytes));
  EXPECT_EQ(content_of(path("segment")), std::string(kBytes, '\0'));
  if (const auto layout = layout_of(path("segment"))) {
    EXPECT_EQ(layout->mapped_bytes, kBytes);
    EXPECT_EQ(layout->unwritten_bytes, 0U);
  }
}

// Runs `test` in a process of its own, after the shell command `mount` has mounted something on a directory that only it sees.
// Gives what `test` returns: 0 when all is well. Nothing when this machine does not let us mount.
std::optional<int> with_mount(const std::string& directory, const std::string& mount,
                              const std::function<int(int root)>& test) {
  constexpr int kCannotMount = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string command = "exec 2>/dev/null; cd " + directory + " && " + mount;
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        std::system(command.c_str()) != 0)
      ::_exit(kCannotMount);
    ::_exit(test(::open(directory.c_str(), O_RDONLY | O_DIRECTORY)));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kCannotMount) return std::nullopt;
  return WEXITSTATUS(status);
}

TEST_P(Files, AFileSystemWithoutDirectWritesIsGoodEnough) {
  const auto outcome = with_mount(directory_, "mount -t ramfs none .", [](int root) {
    if (::openat(root, "probe", O_RDWR | O_CREAT | O_DIRECT, 0600) >= 0) return 1;  // not the file system this is about
    for (const OpenMode mode : {OpenMode::create_new, OpenMode::create, OpenMode::read_write, OpenMode::read})
      if (!blocking::open_file(root, "a", {.mode = mode, .direct = true})) return 2;
    const auto again = blocking::open_file(root, "a", {.mode = OpenMode::create_new, .direct = true});
    if (again || again.error().code != Errc::exists) return 3;
    if (!blocking::fill_with_zeros(root, "segment", 2'000'000)) return 4;
    struct stat status{};
    if (::fstatat(root, "segment", &status, 0) != 0 || status.st_size != 2'000'000) return 5;
    if (!blocking::replace(root, "b", "text") || *blocking::read_all(root, "b", 10) != "text") return 6;
    return 0;
  });
  if (!outcome) GTEST_SKIP() << "cannot mount here";
  EXPECT_EQ(*outcome, 0);
}

// A failed attempt to fill a file must leave the disk as free as it was, or it would take the last of the space.
int fill_a_small_disk(int root) {
  const auto before = blocking::space(root, ".");
  const auto filled = blocking::fill_with_zeros(root, "segment", 64 * 1024 * 1024);
  if (filled || filled.error().code != Errc::disk_full) return 1;
  const auto after = blocking::space(root, ".");
  if (before->free_bytes - after->free_bytes > 64 * 1024) return 2;
  if (!blocking::fill_with_zeros(root, "segment", 2 * 1024 * 1024)) return 3;
  const auto replaced = blocking::replace(root, "b", std::string(64 * 1024 * 1024, 'x'));
  if (replaced || replaced.error().code != Errc::disk_full) return 4;
  if (blocking::read_all(root, "b", 100)) return 5;  // never half of it
  return 0;
}

TEST_P(Files, AFullDiskIsSaidAndHoldsNothingBack) {
  const std::string ext4 = "truncate -s 16M disk && PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q disk && mount -o loop disk .";
  for (const std::string& mount : {std::string("mount -t tmpfs -o size=4m none ."), ext4}) {
    const auto outcome = with_mount(directory_, mount, fill_a_small_disk);
    if (!outcome) GTEST_SKIP() << "cannot mount here: " << mount;
    EXPECT_EQ(*outcome, 0) << mount;
  }
}

TEST_P(Files, AFullOffloadQueueIsSaid) {
  struct Blocker {
    static Task<void> go(Files& test, std::latch& release) {
      auto work = [&release]() -> Result<void> {
        release.wait();
        return {};
      };
      EXPECT_TRUE(co_await test.offload_->run(work));
    }
  };
  run([](Files& test) -> Task<void> {
    std::latch release(1);
    Gate gate;
    for (int i = 0; i < 32; ++i) gate.start(Blocker::go(test, release));
    EXPECT_EQ((co_await test.files_->open("a", {.mode = OpenMode::create})).error().code, Errc::too_large);
    EXPECT_EQ((co_await test.files_->list(".")).error().code, Errc::too_large);
    release.count_down();
    co_await gate.close();
    EXPECT_TRUE(co_await test.files_->list("."));
  });
}

TEST_P(Files, AnOperationLargerThanTheKernelTakesIsOurMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([](Files& test) -> Task<void> {
                 auto file = std::move(*co_await test.files_->open("a", {.mode = OpenMode::create}));
                 static_cast<void>(co_await file->read({static_cast<std::byte*>(nullptr), std::size_t{5} << 30}, 0));
               }),
               "check failed");
}

}  // namespace
}  // namespace postern::ring
