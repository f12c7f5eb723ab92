// SQLite: one file, statements run on threads of the pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "policy/expand/services.h"

struct sqlite3;

namespace postern::lookup {

// An open database. One thread at a time, whichever.
class SqliteConnection {
 public:
  // Blocks. nullptr: why says it. The file must exist.
  [[nodiscard]] static std::shared_ptr<SqliteConnection> open(const std::string& path, std::int64_t lock_timeout_ms,
                                                              std::string& why);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Runs the statements of `query`, one behind the other. Rows as Exim gives them: a line end between two; one column is its
  // value, several are name=value and a blank each, in double quotes when empty or with white space. Without a row: not_found.
  // `changes`: one of the statements may have changed something. It ends soon, with `deferred`, once `given_up` is true.
  [[nodiscard]] expand::Answer run(const std::string& query, const std::atomic<bool>& given_up, bool& changes);

 private:
  explicit SqliteConnection(sqlite3* database) noexcept : database_(database) {}
  sqlite3* database_;
};

}  // namespace postern::lookup
