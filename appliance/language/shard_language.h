// What the texts of one configuration ask on one shard: lookups with all that they hold open, and what is compiled only while
// it is used. Connections that began with a configuration keep this object until they end.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "appliance/config/language.h"
#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/gate.h"
#include "engine/coro/task.h"
#include "engine/io/connector.h"
#include "engine/shard/offload.h"
#include "net/dns/resolver.h"
#include "net/tls/client.h"
#include "policy/acl/acl.h"
#include "policy/dcc/dcc.h"
#include "policy/expand/services.h"
#include "policy/lookup/lookup.h"

namespace postern::language {

// What a shard gives to it. Everything outlives it.
struct ShardNeeds {
  const Clock& clock;
  shard::Offload* offload = nullptr;   // null: files are read and programs awaited in place, which blocks
  Connector* connector = nullptr;      // null: nothing is connected to
  dns::Resolver* resolver = nullptr;   // null: the DNS is not asked
  bool has_message_text = false;       // texts that are compiled when they are used run where a message comes in
  shard::Offload* programs = nullptr;  // one thread for each program that may run at once; null: in place
};

class ShardLanguage final : public expand::CompileServices {
 public:
  // Texts of ACLs that were expanded when they were asked for. Beyond the cap they are read anew.
  static constexpr std::size_t kLateAclsMax = 256;

  ShardLanguage(std::shared_ptr<const config::Language> language, const ShardNeeds& needs);

  [[nodiscard]] const config::Language& language() const noexcept { return *language_; }
  [[nodiscard]] const ShardNeeds& needs() const noexcept { return needs_; }
  [[nodiscard]] lookup::Lookups& lookups() noexcept { return lookups_; }
  [[nodiscard]] BlockPool& blocks() noexcept { return blocks_; }
  // Of ${readsocket: as in Exim, no certificate is asked for.
  [[nodiscard]] const tls::Client& socket_tls();
  // Of what runs on when nobody waits for it any more.
  [[nodiscard]] Gate& gate() noexcept { return gate_; }

  // An ACL that is no named one: its text. Null, and `why`.
  [[nodiscard]] std::shared_ptr<const acl::Acl> late_acl(std::string_view text, std::string& why);

  // Null: there is no dccifd_address, or nothing is connected to.
  [[nodiscard]] dcc::Client* dcc();
  // Appends `text` to the file in one write, and makes it where it is not; off the shard's thread. Suspends. Errors: io.
  [[nodiscard]] Task<Result<void>> append_to_file(std::string path, std::string text);

  // Suspends until nothing is read or connected any more; nothing is asked afterwards. Once, before the end.
  [[nodiscard]] Task<void> close();

  // expand::CompileServices, for texts that are compiled when they are used: their lists are read when they are used, too.
  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view written) override;
  [[nodiscard]] bool is_lookup_type(std::string_view type) override;
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind kind, const expand::ConfigText& text) override;
  [[nodiscard]] std::string_view noticed_text_variable(expand::VariableId id) override;
  [[nodiscard]] bool is_named_list(std::string_view name) override;
  [[nodiscard]] bool allows_run() override { return language_->allows_run; }
  [[nodiscard]] bool has_strict_acl_variables() override { return language_->strict_acl_vars; }

 private:
  std::shared_ptr<const config::Language> language_;
  ShardNeeds needs_;
  std::unique_ptr<lookup::Catalogue> catalogue_;
  lookup::Lookups lookups_;
  Gate gate_;
  BlockPool blocks_;  // of what is sent
  std::unique_ptr<tls::Client> socket_tls_;
  std::unique_ptr<dcc::Client> dcc_;
  std::map<std::string, std::shared_ptr<const acl::Acl>, std::less<>> late_acls_;
};

}  // namespace postern::language
