// What the expansions and lists of one client ask, answered: one implementation for ACLs and for `postern expand`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appliance/language/shard_language.h"
#include "appliance/language/socket_answers.h"
#include "engine/coro/wait.h"
#include "policy/auth_results/write.h"
#include "policy/expand/eval_context.h"
#include "policy/expand/services.h"
#include "policy/lists/facts.h"
#include "policy/lookup/result_cache.h"

namespace postern::language {

// One client's, on one shard. Borrows the language and the variables for as long as it lives.
class Asker : public expand::Services, public lists::ListFacts {
 public:
  Asker(ShardLanguage& language, const expand::EvalContext& variables) noexcept : language_(language), variables_(variables) {}

  // What was found for a message is not for the next one.
  void forget_message() noexcept;
  // The DNS is asked anew for names that it could not give.
  void forget_deferred_names() noexcept;
  // The client's names, once they were looked up. Null: they were not, or could not be.
  [[nodiscard]] const dns::HostNames* known_names() const noexcept { return names_.get(); }

  // expand::Services
  [[nodiscard]] std::optional<expand::Answer> lookup_now(const expand::LookupQuestion& question) override;
  [[nodiscard]] Task<expand::Answer> lookup(expand::LookupQuestion question) override;
  [[nodiscard]] std::optional<expand::Answer> match_now(const expand::ListQuestion& question) override;
  [[nodiscard]] Task<expand::Answer> match(expand::ListQuestion question) override;
  [[nodiscard]] std::optional<expand::Answer> file_now(const expand::FileQuestion& question) override;
  [[nodiscard]] Task<expand::Answer> file(expand::FileQuestion question) override;
  [[nodiscard]] std::optional<expand::Answer> fetch_now(expand::VariableId id) override;
  [[nodiscard]] Task<expand::Answer> fetch(expand::VariableId id) override;
  [[nodiscard]] Task<expand::Answer> read_socket(expand::ReadSocketQuestion question) override;

  [[nodiscard]] Task<expand::Answer> run(expand::RunQuestion question) override;
  [[nodiscard]] expand::Answer named_list(char kind, std::string_view name) override;
  void keep_srs_recipient(std::string_view recipient) override { srs_recipient_ = recipient; }
  [[nodiscard]] std::string_view srs_recipient() const override { return srs_recipient_; }
  [[nodiscard]] std::string auth_results(std::string_view id) const override;
  [[nodiscard]] std::optional<std::string> environment(std::string_view name) override;

  // lists::ListFacts
  [[nodiscard]] const lists::ListWorld* world() const noexcept override { return language_.language().lists.get(); }
  [[nodiscard]] const expand::EvalContext* context() const noexcept override { return &variables_; }
  [[nodiscard]] std::optional<dns::HostNames> host_names_now() override;
  [[nodiscard]] Task<dns::HostNames> host_names() override;
  [[nodiscard]] std::optional<lists::HostAddresses> addresses_now(std::string_view host) override;
  [[nodiscard]] Task<lists::HostAddresses> addresses(std::string host) override;
  [[nodiscard]] std::optional<lists::MailExchangers> mail_exchangers_now(std::string_view domain) override;
  [[nodiscard]] Task<lists::MailExchangers> mail_exchangers(std::string domain) override;

 protected:
  // Nothing: there is none.
  [[nodiscard]] virtual std::optional<IpAddress> client() const = 0;
  // What ends waiting for one answer.
  [[nodiscard]] virtual Wait wait() = 0;
  // What checks of the message have found.
  [[nodiscard]] virtual auth_results::Checks found_by_checks() const { return {}; }
  // The client's names were looked up; that there are none, or that they cannot be had now, is known, too.
  virtual void names_found(const dns::HostNames& names) { static_cast<void>(names); }

  [[nodiscard]] ShardLanguage& language() const noexcept { return language_; }
  [[nodiscard]] const expand::EvalContext& variables() const noexcept { return variables_; }

 private:
  [[nodiscard]] lookup::ResultCache& results();

  ShardLanguage& language_;
  const expand::EvalContext& variables_;
  std::unique_ptr<lookup::ResultCache> results_;  // made when there is one
  std::unique_ptr<dns::HostNames> names_;         // likewise
  std::string srs_recipient_;                     // until the message ends
  SocketAnswers socket_answers_;                  // likewise
};

}  // namespace postern::language
