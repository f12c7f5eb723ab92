// A session between a fake client and fake hooks, on a clock that moves when told to.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/coro/gate.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/smtp/fake_hooks.h"
#include "engine/smtp/fake_stream.h"
#include "engine/smtp/session.h"

namespace postern::smtp {

// Set what differs from the defaults, then start(). A session that has not ended when this goes away is ended by a lost
// connection.
class TestSession {
 public:
  TestSession() {
    options.limits = &limits;
    options.active_hostname = "mx.example";
    options.banner = "mx.example ESMTP";
    options.qualify_domain = "mx.example";
  }
  ~TestSession() { hang_up(); }

  ManualScheduler scheduler;
  SessionLimits limits;
  SessionOptions options;
  FakePeer peer;
  FakeHooks hooks;
  BlockPool pool;
  StopSource draining;
  StopSource stopping;
  std::unique_ptr<Session> session;

  void start() {
    session = std::make_unique<Session>(SessionEnvironment{pool, draining, stopping}, peer.make_stream(), hooks, options);
    gate_.start(session->run());
    scheduler.run();
  }
  // start() and everything up to the reply to EHLO; returns that reply.
  std::string greet(std::string_view helo = "EHLO client.example\r\n") {
    start();
    EXPECT_EQ(peer.received(), "220 mx.example ESMTP\r\n");
    return say(helo);
  }
  // Sends the bytes in one piece; returns what came back.
  std::string say(std::string_view bytes) {
    peer.send(bytes);
    scheduler.run();
    return peer.received();
  }
  // Lets time pass; returns what came.
  std::string after_ms(std::int64_t ms) {
    scheduler.advance_ms(ms);
    return peer.received();
  }
  [[nodiscard]] bool has_ended() const { return gate_.inside() == 0; }
  void hang_up() {
    if (!has_ended()) {
      if (hooks.waits_for != nullptr) hooks.waits_for->set();
      if (hooks.sink_settings.commit_waits_for != nullptr) hooks.sink_settings.commit_waits_for->set();
      peer.read_again();
      peer.fail_input(Errc::reset);
      scheduler.advance_ms(1000);
    }
    EXPECT_TRUE(has_ended());
    session.reset();
    EXPECT_EQ(pool.used_bytes(), 0U);
  }

 private:
  Gate gate_;
};

// One step of a script: what the client sends in one go, and what it is told for it.
struct DialogueStep {
  std::string sent;
  std::string expected;
  bool ends = false;  // the server closes the connection
};

// "C: " lines are sent, "S: " lines expected, each with CR LF behind it; "C= " is sent as it stands, with \r \n \0 \xHH and \\;
// "E:" says that the session ends here. Consecutive C lines go out together. "#" begins a comment line.
[[nodiscard]] std::vector<DialogueStep> parse_script(std::string_view script);

}  // namespace postern::smtp
