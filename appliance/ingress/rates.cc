#include "appliance/ingress/rates.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

namespace postern::ingress {

namespace {

struct Ownership {
  const RateShards& shards;
  std::uint32_t shard;
};

bool owns(std::string_view key, const void* context) {
  const auto& ownership = *static_cast<const Ownership*>(context);
  return ownership.shards.owner_of(key) == ownership.shard;
}

}  // namespace

std::uint32_t RateShards::owner_of(std::string_view key) const noexcept {
  return static_cast<std::uint32_t>(ratelimit::hash_of(key) % keepers_.size());
}

// On its way between two shards; whoever lets go of it last frees it. The asker may have given up.
struct RateKeeper::Letter {
  ratelimit::Question question;
  ratelimit::Verdict verdict;
  Event answered;  // the asker's
};

RateKeeper::RateKeeper(RateShards& shards, std::uint32_t shard, transport::Runtime& runtime)
    : shards_(shards), shard_(shard), runtime_(runtime), asks_(std::max(kAsksMax / shards.count(), 1U)) {
  shards_.keepers_[shard] = this;
}

std::optional<ratelimit::Verdict> RateKeeper::ask_now(const ratelimit::Question& question) {
  if (shards_.owner_of(question.key) != shard_) return std::nullopt;
  return table_.ask(question, Scheduler::current().wall_now());
}

Task<std::optional<ratelimit::Verdict>> RateKeeper::ask(ratelimit::Question question) {
  const Wait wait{.deadline = Scheduler::current().now().plus_ms(kAnswerMsMax)};
  if (!co_await asks_.acquire(wait)) co_return std::nullopt;
  RateKeeper* const owner = shards_.keepers_[shards_.owner_of(question.key)];
  auto letter = std::make_shared<Letter>();
  letter->question = std::move(question);
  transport::Runtime* const home = &runtime_;
  owner->runtime_.post([owner, home, letter] {
    letter->verdict = owner->table_.ask(letter->question, Scheduler::current().wall_now());
    home->post([letter] { letter->answered.set(); });
  });
  const Result<void> answered = co_await letter->answered.wait(wait);
  asks_.release();
  if (!answered) co_return std::nullopt;
  co_return letter->verdict;
}

Task<Result<void>> RateKeeper::load(FileSystem& files) {
  if (auto made = co_await files.make_directory(kDirectory, 0750); !made) co_return made;
  auto entries = co_await files.list(kDirectory);
  if (!entries) co_return failure(entries.error());
  const Ownership ownership{shards_, shard_};
  Result<void> result;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.empty() || entry.name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto text = co_await files.read_all(std::string(kDirectory) + "/" + entry.name, kFileBytesMax);
    if (!text) {
      result = failure(text.error());
      continue;
    }
    if (!table_.load(*text, owns, &ownership)) result = failure(Errc::bad_format, "read saved rates");
  }
  saved_changes_ = table_.changes();
  co_return result;
}

Task<Result<void>> RateKeeper::save(FileSystem& files) {
  const std::uint64_t changes = table_.changes();
  if (changes == saved_changes_) co_return Result<void>{};
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "%s/%02u", kDirectory, shard_);
  ratelimit::RateTable::Saving saving(table_);
  while (saving.add_slice()) co_await Yield();
  Result<void> saved = co_await files.replace(name.data(), saving.take());
  if (saved) saved_changes_ = changes;
  co_return saved;
}

Task<void> RateKeeper::leave() {
  if (shards_.left_.fetch_add(1, std::memory_order_acq_rel) + 1 == shards_.count())
    for (RateKeeper* keeper : shards_.keepers_) keeper->runtime_.post([keeper] { keeper->all_left_.set(); });
  static_cast<void>(co_await all_left_.wait());
}

}  // namespace postern::ingress
