#include "policy/lookup/lmdb_file.h"

#include <lmdb.h>

#include <utility>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

namespace {

class Environment {
 public:
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::mdb_env_close(env_); }

  // MDB_NOTLS: transactions belong to themselves, not to the threads of a pool.
  int open(const std::string& path) {
    if (const int error = ::mdb_env_create(&env_); error != 0) return error;
    return ::mdb_env_open(env_, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0);
  }
  [[nodiscard]] MDB_env* get() const noexcept { return env_; }

 private:
  MDB_env* env_ = nullptr;
};

class ReadTransaction {
 public:
  explicit ReadTransaction(MDB_env* env) : error_(::mdb_txn_begin(env, nullptr, MDB_RDONLY, &transaction_)) {}
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction() {
    if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
  }
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] MDB_txn* get() const noexcept { return transaction_; }

 private:
  MDB_txn* transaction_ = nullptr;
  int error_;
};

class LmdbFile final : public KeyFile {
 public:
  LmdbFile(std::string path, std::unique_ptr<Environment> environment, MDB_dbi database)
      : path_(std::move(path)), environment_(std::move(environment)), database_(database) {}

  Outcome find(const Written&, std::string_view key, Waiting waiting, std::string& value, std::string& why) const override {
    // Its pages are mapped, and there is no asking whether they are in memory.
    if (waiting == Waiting::never) return Outcome::would_wait;
    const ReadTransaction transaction(environment_->get());
    if (transaction.error() != 0) return defer(transaction.error(), why);
    if (key.size() > static_cast<std::size_t>(::mdb_env_get_maxkeysize(environment_->get()))) return Outcome::not_found;
    MDB_val asked{key.size(), const_cast<char*>(key.data())};
    MDB_val got{};
    const int error = ::mdb_get(transaction.get(), database_, &asked, &got);
    if (error == MDB_NOTFOUND) return Outcome::not_found;
    if (error != 0) return defer(error, why);
    if (got.mv_size > kValueBytesMax) {
      why.append("lmdb file ").append(path_).append(": a value is too long");
      return Outcome::deferred;
    }
    value.append(static_cast<const char*>(got.mv_data), got.mv_size);
    return Outcome::found;
  }

 private:
  Outcome defer(int error, std::string& why) const {
    why.append("lmdb file ").append(path_).append(": ").append(::mdb_strerror(error));
    return Outcome::deferred;
  }

  std::string path_;
  std::unique_ptr<Environment> environment_;
  MDB_dbi database_;
};

}  // namespace

std::shared_ptr<const KeyFile> open_lmdb(const std::string& path, std::string& why) {
  auto environment = std::make_unique<Environment>();
  int error = environment->open(path);
  MDB_dbi database = 0;
  if (error == 0) {
    const ReadTransaction transaction(environment->get());
    error = transaction.error() != 0 ? transaction.error() : ::mdb_dbi_open(transaction.get(), nullptr, 0, &database);
  }
  if (error == 0) return std::make_shared<LmdbFile>(path, std::move(environment), database);
  why.append("failed to open ").append(path).append(" for lmdb lookup: ").append(::mdb_strerror(error));
  return nullptr;
}

}  // namespace postern::lookup
