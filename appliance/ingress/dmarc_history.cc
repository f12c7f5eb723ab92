#include <string>
#include <utility>

#include "appliance/ingress/connection.h"
#include "policy/dmarc/history.h"

namespace postern::ingress {
namespace {

dmarc::Action action_of(const smtp::Verdict& verdict, const dmarc::Outcome& outcome) {
  switch (verdict.decision) {
    case smtp::Decision::accept:
      return outcome.status == dmarc::Status::quarantine ? dmarc::Action::quarantine : dmarc::Action::accept;
    case smtp::Decision::defer: return dmarc::Action::tempfail;
    case smtp::Decision::discard: return dmarc::Action::discard;
    case smtp::Decision::deny:
    case smtp::Decision::drop: break;
  }
  return dmarc::Action::reject;
}

// Both outlive the gate of the language.
Task<void> append(ConnectionServices& services, language::ShardLanguage& language, std::string path, std::string entry) {
  const Result<void> done = co_await language.append_to_file(path, std::move(entry));
  if (!done) services.trouble("dmarc_history_file " + path + ": " + describe(done.error()));
}

}  // namespace

void Connection::write_dmarc_history(const smtp::Verdict& verdict) {
  const checks::MessageChecks* const checks = begun_checks();
  const std::string& path = policy_->language->dmarc_history_file;
  const bool is_asked = checks != nullptr && checks->told_dmarc() != nullptr && checks->told_dmarc()->status != dmarc::Status::off;
  if (path.empty() || !is_asked || services_.watcher != nullptr) return;
  const smtp::EnvelopeAddress& sender = facts_.scene.envelope->sender().address;
  auth_results::Result arc = auth_results::Result::none;
  std::vector<dmarc::ArcSet> sets;
  if (const arc::Result* const chain = checks->told_arc()) {
    arc = chain->for_auth_results().result;
    for (const arc::SetResult& each : chain->sets)
      sets.push_back({each.instance, each.domain, each.selector, std::string(each.remote_ip.view())});
  }
  std::string entry = dmarc::history_entry({.id = std::string(sink_->id()),
                                            .reporter = policy_->primary_hostname,
                                            .received = sink_->received(),
                                            .client_address = facts_.state->endpoints.peer.address.to_string(),
                                            .sender_domain = sender.empty() ? facts_.state->helo : PeerText(sender.domain().view()),
                                            .facts = checks->dmarc_facts(),
                                            .outcome = *checks->told_dmarc(),
                                            .action = action_of(verdict, *checks->told_dmarc()),
                                            .arc = arc,
                                            .arc_sets = std::move(sets)});
  if (entry.empty()) return;
  language::ShardLanguage& language = *configuration_->language;
  language.gate().start(append(services_, language, path, std::move(entry)));
}

}  // namespace postern::ingress
