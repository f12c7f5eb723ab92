#include "engine/smtp/hooks.h"

namespace postern::smtp {

std::string_view to_string(NotQuit reason) noexcept {
  switch (reason) {
    case NotQuit::acl_drop: return "acl-drop";
    case NotQuit::bad_commands: return "bad-commands";
    case NotQuit::bad_command_synprot: return "bad-command-synprot";
    case NotQuit::command_timeout: return "command-timeout";
    case NotQuit::connection_lost: return "connection-lost";
    case NotQuit::data_timeout: return "data-timeout";
    case NotQuit::signal_exit: return "signal-exit";
    case NotQuit::synchronization_error: return "synchronization-error";
  }
  return "";
}

ReadyOr<Verdict> SessionHooks::helo() { return Verdict{}; }
ReadyOr<Verdict> SessionHooks::mail(const Envelope&) { return Verdict{}; }
bool SessionHooks::has_space(std::uint64_t) { return true; }
ReadyOr<Verdict> SessionHooks::predata(const Envelope&) { return Verdict{}; }
void SessionHooks::headers_complete(const Envelope&, const HeaderView&) {}
Pace SessionHooks::body(const Slice&) { return Pace::go_on; }
Task<void> SessionHooks::body_room() { co_return; }
void SessionHooks::accepted(const Envelope&, const BodyStats&, std::string_view, const CommitReceipt&) {}
void SessionHooks::reset() {}
ReadyOr<Verdict> SessionHooks::quit() { return Verdict{}; }
ReadyOr<Verdict> SessionHooks::notquit(NotQuit) { return Verdict{}; }
ReadyOr<Verdict> SessionHooks::vrfy(const EnvelopeAddress&) { return Verdict{.decision = Decision::deny}; }
ReadyOr<Verdict> SessionHooks::expn(PeerView) { return Verdict{.decision = Decision::deny}; }
ReadyOr<Verdict> SessionHooks::etrn(PeerView) { return Verdict{.decision = Decision::deny}; }
void SessionHooks::event(const SessionEvent&) {}
void SessionHooks::closed() {}

}  // namespace postern::smtp
