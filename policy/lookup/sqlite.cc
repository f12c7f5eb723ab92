#include "policy/lookup/sqlite.h"

#include <sqlite3.h>

#include <string_view>
#include <utility>

#include "policy/lookup/lookup.h"

namespace postern::lookup {

namespace {

using Answer = expand::Answer;

class Statement {
 public:
  Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { ::sqlite3_finalize(statement_); }
  [[nodiscard]] sqlite3_stmt** out() noexcept { return &statement_; }
  [[nodiscard]] sqlite3_stmt* get() const noexcept { return statement_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// Has SQLite look at a flag while it works.
class ProgressWatch {
 public:
  ProgressWatch(sqlite3* database, const std::atomic<bool>& given_up) : database_(database) {
    constexpr int kSteps = 1000;
    ::sqlite3_progress_handler(database_, kSteps, ask, const_cast<std::atomic<bool>*>(&given_up));
  }
  ~ProgressWatch() { ::sqlite3_progress_handler(database_, 0, nullptr, nullptr); }
  ProgressWatch(const ProgressWatch&) = delete;
  ProgressWatch& operator=(const ProgressWatch&) = delete;

 private:
  static int ask(void* given_up) { return static_cast<std::atomic<bool>*>(given_up)->load() ? 1 : 0; }
  sqlite3* database_;
};

std::string_view column_text(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(statement, column));
  if (text == nullptr) return "<NULL>";
  return {text, static_cast<std::size_t>(::sqlite3_column_bytes(statement, column))};
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(1, '=');
  if (!value.empty() && value.find_first_of(" \t\n\r") == std::string_view::npos) {
    out.append(value);
  } else {
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += ' ';
}

// Another attempt may do better: locks, files, memory, our own interruption.
bool is_temporary(int error) noexcept {
  switch (error & 0xff) {
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_READONLY:
    case SQLITE_RANGE: return false;
    default: return true;
  }
}

void append_row(sqlite3_stmt* statement, std::string& out) {
  const int columns = ::sqlite3_column_count(statement);
  if (columns == 1) {
    out.append(column_text(statement, 0));
    return;
  }
  for (int i = 0; i < columns; ++i) append_field(::sqlite3_column_name(statement, i), column_text(statement, i), out);
}

}  // namespace

std::shared_ptr<SqliteConnection> SqliteConnection::open(const std::string& path, std::int64_t lock_timeout_ms,
                                                         std::string& why) {
  sqlite3* database = nullptr;
  const int error = ::sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  std::shared_ptr<SqliteConnection> connection(new SqliteConnection(database));
  if (error != SQLITE_OK) {
    why.append("sqlite: failed to open ").append(path).append(": ");
    why.append(database != nullptr ? ::sqlite3_errmsg(database) : "out of memory");
    return nullptr;
  }
  // A configuration names files; statements do not.
  ::sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  ::sqlite3_limit(database, SQLITE_LIMIT_LENGTH, static_cast<int>(kValueBytesMax));
  ::sqlite3_busy_timeout(database, static_cast<int>(lock_timeout_ms));
  return connection;
}

SqliteConnection::~SqliteConnection() { ::sqlite3_close_v2(database_); }

Answer SqliteConnection::run(const std::string& query, const std::atomic<bool>& given_up, bool& changes) {
  const ProgressWatch watch(database_, given_up);
  const char* rest = query.c_str();
  const char* const end = rest + query.size();
  std::string value;
  bool found = false;
  while (rest < end) {
    Statement statement;
    const char* const before = rest;
    int error = ::sqlite3_prepare_v2(database_, before, static_cast<int>(end - before), statement.out(), &rest);
    if (error == SQLITE_OK && rest == before) break;                 // a zero byte ends the text
    if (error == SQLITE_OK && statement.get() == nullptr) continue;  // a comment, or blanks
    if (error == SQLITE_OK && ::sqlite3_stmt_readonly(statement.get()) == 0) changes = true;
    while (error == SQLITE_OK || error == SQLITE_ROW) {
      error = ::sqlite3_step(statement.get());
      if (error != SQLITE_ROW) break;
      if (found) value += '\n';
      found = true;
      append_row(statement.get(), value);
      if (value.size() > kValueBytesMax) return Answer::failed("sqlite: the result is larger than 256 KiB");
    }
    if (error != SQLITE_DONE) {
      std::string why = "sqlite: ";
      why.append(::sqlite3_errmsg(database_));
      return is_temporary(error) ? Answer::deferred(std::move(why)) : Answer::failed(std::move(why));
    }
  }
  return found ? Answer::found(std::move(value)) : Answer::not_found();
}

}  // namespace postern::lookup
