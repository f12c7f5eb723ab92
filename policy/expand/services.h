// What an expansion must ask of the world, and the compiler of the configuration: the seams between the language and lookups,
// lists, ACLs, files and programs. Whoever has one of these to give implements it; what nobody implements is refused with a
// reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/task.h"
#include "policy/expand/check.h"
#include "policy/expand/config_text.h"
#include "policy/expand/variables.h"

namespace postern::expand {

// What a partial match of a lookup leaves to $1 and $2, as places in its key.
struct Wild {
  std::size_t wild_end = 0;     // $1 is key[0, wild_end)
  std::size_t fixed_begin = 0;  // $2 is key[fixed_begin, end)

  friend bool operator==(const Wild&, const Wild&) = default;
};

// What comes back from the world.
struct Answer {
  enum class Status : std::uint8_t {
    found,      // lookup: the value. List: it matches, `value` is the data of the item. ACL: accepted, `value` is its message.
    not_found,  // lookup: no such key. List: no match. ACL: denied.
    deferred,   // the answer exists and cannot be had now: the expansion fails, and whoever asked for it defers
    failed,     // there is no answer: the question was wrong
  };
  Status status = Status::not_found;
  std::string value = {};
  std::string why = {};  // deferred and failed: in Exim's words, for the log
  // Whose bytes `value` is made of. Data that the administrator keeps is ours, whoever chose the key; what comes from a
  // stranger's DNS or over a socket is a peer's.
  Bytes bytes = Bytes::ours;
  int code = 0;                            // run: the exit status. A file that cannot be read: errno, if there is one
  std::optional<Wild> wild = {};           // lookup: how the key was found
  std::vector<std::string> captures = {};  // list: $0 and on, which are the subject's bytes

  [[nodiscard]] static Answer found(std::string value, Bytes bytes = Bytes::ours) {
    return {.status = Status::found, .value = std::move(value), .bytes = bytes};
  }
  [[nodiscard]] static Answer not_found() { return {}; }
  [[nodiscard]] static Answer deferred(std::string why) { return {.status = Status::deferred, .why = std::move(why)}; }
  [[nodiscard]] static Answer failed(std::string why) { return {.status = Status::failed, .why = std::move(why)}; }
};

// A lookup as it was written ("partial2(.)-lsearch*@,ret=full"), or a list: made when the configuration is compiled, good for
// as long as it lives. Their meaning belongs to whoever gave them out.
using LookupHandle = std::uint32_t;
using ListHandle = std::uint32_t;
inline constexpr ListHandle kListText = 0xffff'ffff;  // no list was compiled: the question holds its text

enum class ListKind : std::uint8_t { domain, ip, address, local_part };

// The text in these questions is borrowed, and stays until the answer is there.
struct LookupQuestion {
  LookupHandle lookup = 0;
  std::string_view key;   // single-key: the key. Query style: the query.
  std::string_view file;  // single-key: the file. Query style: empty.
};

struct ListQuestion {
  ListKind kind = ListKind::domain;
  ListHandle list = kListText;
  std::string_view text;  // with kListText: the list, expanded; it is never a peer's bytes
  std::string_view subject;
};

struct AclQuestion {
  std::string_view name;  // of an ACL, or a text to be read as one; never a peer's bytes
  std::span<const std::string_view> arguments;
  std::uint32_t peers_arguments = 0;  // bit n: arguments[n] holds a peer's bytes
};

struct ReadSocketQuestion {
  std::string_view address;  // "/path" or "inet:host:port"; never a peer's bytes
  std::string_view request;
  std::uint32_t timeout_ms = 5000;
  bool shutdown = true;  // no more is written after the request
  bool tls = false;
  bool cache = false;  // the answer may serve the same question of this client again, until the message ends
};

struct RunQuestion {
  std::span<const std::string_view> arguments;  // the first is the program's absolute name; no shell reads them
  bool peers_arguments = false;                 // one of those behind the name holds a peer's bytes
};

struct FileQuestion {
  enum class Kind : std::uint8_t { content, exists, facts };  // facts: as ${stat:} gives them
  Kind kind = Kind::content;
  std::string_view path;  // never a peer's bytes
  std::size_t bytes_max = 0;
};

// The world while expanding. Each question has two forms: `x_now` answers at once where it can (from a file that is read
// already, from a cache) and gives nothing where the answer is to be waited for; `x` suspends until it is there. One shard. The
// defaults answer `failed`: that cannot be used here.
class Services {
 public:
  virtual ~Services() = default;

  [[nodiscard]] virtual std::optional<Answer> lookup_now(const LookupQuestion& question);
  [[nodiscard]] virtual Task<Answer> lookup(LookupQuestion question);

  [[nodiscard]] virtual std::optional<Answer> match_now(const ListQuestion& question);
  [[nodiscard]] virtual Task<Answer> match(ListQuestion question);

  [[nodiscard]] virtual std::optional<Answer> acl_now(const AclQuestion& question);
  [[nodiscard]] virtual Task<Answer> acl(AclQuestion question);

  [[nodiscard]] virtual std::optional<Answer> file_now(const FileQuestion& question);
  [[nodiscard]] virtual Task<Answer> file(FileQuestion question);

  // A variable whose row says `fetched`: its value is had by asking ($sender_host_name). `not_found`: it has none.
  [[nodiscard]] virtual std::optional<Answer> fetch_now(VariableId id);
  [[nodiscard]] virtual Task<Answer> fetch(VariableId id);

  // These always wait.
  [[nodiscard]] virtual Task<Answer> read_socket(ReadSocketQuestion question);
  [[nodiscard]] virtual Task<Answer> run(RunQuestion question);

  // The text of a named list, those it refers to in their places. `kind`: 'd', 'h', 'a', 'l', or 0 for the first of any.
  [[nodiscard]] virtual Answer named_list(char kind, std::string_view name);

  // What ${prvscheck has come to, for $prvscheck_result of later expansions.
  virtual void keep_prvscheck_result(bool is_valid) { static_cast<void>(is_valid); }

  // $srs_recipient, which inbound_srs has found in a peer's local part.
  virtual void keep_srs_recipient(std::string_view recipient) { static_cast<void>(recipient); }
  [[nodiscard]] virtual std::string_view srs_recipient() const { return {}; }

  // The field Authentication-Results (RFC 8601) with what was found out so far, without a line end; `id` stands in it as it is.
  [[nodiscard]] virtual std::string auth_results(std::string_view id) const;

  // Of the process, as keep_environment and add_environment leave it.
  [[nodiscard]] virtual std::optional<std::string> environment(std::string_view name);
};

// What the compiler asks about names. One configuration being loaded.
class CompileServices {
 public:
  virtual ~CompileServices() = default;

  struct Lookup {
    LookupHandle handle = 0;
    bool query_style = false;
    bool quotes_peers = false;  // a query in which quoting protects wherever it stands: a peer's bytes are quoted unasked
    bool may_wait = true;       // false: lookup_now always answers
    Bytes bytes = Bytes::ours;  // whose bytes it finds
  };
  // `written`: the type with all that stands around it. The error says what is wrong with it, in Exim's words.
  [[nodiscard]] virtual std::expected<Lookup, std::string> find_lookup(std::string_view written) = 0;
  // Of one that was not found: whether Exim would take it. Then it is refused, and does not only fail where it is used.
  [[nodiscard]] virtual bool leaves_out_lookup(std::string_view) { return false; }
  // For ${quote_TYPE:} alone. Nothing when there is no such type.
  [[nodiscard]] virtual bool is_lookup_type(std::string_view type) = 0;
  // A lookup asks a file whose name is a constant: it may be read before anybody asks.
  virtual void noticed_lookup_file(LookupHandle, std::string_view) {}

  struct List {
    ListHandle handle = kListText;
    bool may_wait = true;
  };
  // A text uses a variable whose row says `of_text`. Why it has no value where the text will run; empty: it has one.
  [[nodiscard]] virtual std::string_view noticed_text_variable(VariableId) { return kNoMessageText; }
  static constexpr std::string_view kNoMessageText = "the text of a message is known to ACLs alone";

  // A list whose text is a constant. The error says what is wrong with it. kListText: it is read when it is used.
  [[nodiscard]] virtual std::expected<List, std::string> find_list(ListKind kind, const ConfigText& text) = 0;

  [[nodiscard]] virtual bool is_named_list(std::string_view name) = 0;
  // ${authresults speaks in this name.
  virtual void noticed_authserv_id(std::string_view) {}
  // A text shows the result of a check, or an ACL asks for it: it is made for every message.
  virtual void wants(Check) {}
  // Whether whoever runs the programs has header fields to give.
  [[nodiscard]] virtual bool has_headers() { return true; }
  [[nodiscard]] virtual bool has_acl_variables() { return true; }          // likewise
  [[nodiscard]] virtual bool has_acls() { return true; }                   // likewise
  [[nodiscard]] virtual bool allows_run() { return true; }                 // expand_allow_run
  [[nodiscard]] virtual bool has_strict_acl_variables() { return false; }  // strict_acl_vars
};

}  // namespace postern::expand
