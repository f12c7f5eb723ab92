#include "appliance/delivery/transports/signing.h"

#include <cerrno>
#include <cstddef>
#include <utility>

#include "appliance/delivery/transports/dkim_settings.h"
#include "appliance/delivery/transports/problem.h"
#include "appliance/delivery/transports/sealing.h"
#include "appliance/delivery/transports/signing_pass.h"
#include "appliance/delivery/transports/signing_variables.h"
#include "engine/base/check.h"
#include "engine/coro/scheduler.h"

namespace postern::delivery {

namespace {

// Exim's error number of it, and its words.
Problem unsigned_problem() {
  Problem problem;
  problem.os_errno = EACCES;
  problem.text = "DKIM: message could not be signed, and dkim_strict is set";
  problem.status = {4, 3, 5};
  return problem;
}

// Without what the transport puts around it.
std::string own_header(const ComposedMessage& composed, const AddedHeaders& added) {
  std::string text = composed.header_text(static_cast<std::size_t>(composed.header_bytes()));
  POSTERN_CHECK(text.size() >= added.top.size() + added.bottom.size());
  return text.substr(added.top.size(), text.size() - added.top.size() - added.bottom.size());
}

Task<void> give_up(DkimSettings& settings, std::string why, Signed& made) {
  made.remarks.push_back({std::move(why), true});
  if (!co_await settings.is_strict()) co_return;
  made.remarks.push_back({"DKIM: message could not be signed, and dkim_strict is set. Deferring message delivery.", false});
  made.problem = unsigned_problem();
}

}  // namespace

Task<Signed> sign(const config::DkimOptions& options, SigningKeys& keys, const ComposedMessage& composed,
                  const AddedHeaders& added, const TransportJob& job, BlockPool& pool, const expand::EvalContext& variables) {
  Signed made;
  SigningVariables seen(variables, own_header(composed, added));
  DkimSettings settings(options, keys, seen);
  const bool has_signers = !options.sign() || co_await settings.make_signers();
  for (const std::string& remark : settings.remarks()) made.remarks.push_back({remark, false});
  if (!has_signers) {
    co_await give_up(settings, settings.why(), made);
    co_return made;
  }
  Sealing sealing(options.arc_sign, keys, seen);
  if (!co_await sealing.make()) made.remarks.push_back({sealing.why(), true});
  if (settings.signers().empty() && !sealing.wanted()) co_return made;

  SigningPass pass(composed, job, pool);
  Result<void> read = co_await pass.read_header();
  if (read) {
    const WallTime now = Scheduler::current().wall_now();
    for (dkim::Signer& signer : settings.signers()) signer.begin(pass.headers(), pass.bodies(), now);
    if (sealing.wanted()) sealing.begin(pass.headers(), pass.bodies(), now);
    read = co_await pass.read_body();
  }
  if (!read) {
    made.problem = local_problem(read.error(), "signing");
    co_return made;
  }
  for (dkim::Signer& signer : settings.signers()) {
    std::string why;
    const std::optional<std::string> field = signer.finish(pass.bodies(), why);
    if (!field) {
      made.fields.clear();
      co_await give_up(settings, "DKIM: signing failed: " + why, made);
      co_return made;
    }
    made.fields += *field;
  }
  if (!sealing.wanted()) co_return made;
  const std::optional<std::string> set = sealing.finish(pass.bodies());
  if (set)
    made.fields.insert(0, *set);
  else
    made.remarks.push_back({sealing.why(), true});
  co_return made;
}

}  // namespace postern::delivery
