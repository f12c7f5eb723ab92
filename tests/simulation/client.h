// A sender: takes messages to the gateway, in one of the ways that clients have, and remembers what it was told.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/smtp/fake_stream.h"
#include "tests/simulation/mail.h"

namespace postern::simulation {

// One connection of it. The peer stays until the gateway's session has ended, also when the client has left.
class Client {
 public:
  struct Habits {
    bool may_break = true;  // leaves in the middle now and then
  };

  Client(std::shared_ptr<smtp::FakePeer> peer, Random& random, Habits habits)
      : peer_(std::move(peer)), random_(random), habits_(habits) {}

  // Does one thing. `next` gives it another message, or nullptr.
  void act(const std::function<Mail*()>& next) {
    listen();
    if (has_left_) return;
    if (!outbox_.empty()) {
      send_some();
    } else if (replies_.size() >= expected_) {
      go_on(next);
    }
    if (peer_->is_closed() && !has_left_) {
      listen();
      leave();
    }
  }
  // The gateway's side of the connection is gone; what it wrote last may have come through.
  void cut_off(bool last_words_arrive) {
    if (last_words_arrive) listen();
    leave();
  }
  [[nodiscard]] bool has_left() const noexcept { return has_left_; }
  // What it was told so far, for the trace.
  [[nodiscard]] const std::string& heard() const noexcept { return heard_; }

 private:
  enum class Stage : std::uint8_t { banner, hello, commands, text, quit };

  void listen() {
    if (has_left_) return;
    const std::string bytes = peer_->received();
    heard_ += bytes;
    partial_ += bytes;
    for (std::size_t end; (end = partial_.find("\r\n")) != partial_.npos; partial_.erase(0, end + 2)) {
      const std::string line = partial_.substr(0, end);
      if (line.size() > 3 && line[3] == '-') continue;
      replies_.push_back(line);
      if (mail_ != nullptr && is_whole_ && replies_.size() == expected_) take_answer(line);
    }
  }
  // The first of its replies that is not good speaks for the text.
  void take_answer(const std::string& last) {
    is_whole_ = false;
    const auto is_bad = [](const std::string& each) { return each[0] != '2'; };
    if (commands_within_ > 0) {
      accepted_.clear();
      for (std::size_t i = 1; i < commands_within_; ++i)
        if (!is_bad(replies_[i])) accepted_.insert(mail_->recipients[i - 1]);
    }
    std::string reply = last;
    const auto chunks = replies_.begin() + static_cast<std::ptrdiff_t>(commands_within_);
    if (const auto bad = std::find_if(chunks, replies_.end(), is_bad); bad != replies_.end()) reply = *bad;
    if (commands_within_ > 0 && is_bad(replies_[0])) reply = replies_[0];
    // 451 may mean that nobody knows what the disk holds.
    if (!reply.starts_with("451")) --mail_->unanswered;
    if (reply.starts_with("2")) {
      was_taken_ = true;
      mail_->acknowledged = reply;
      mail_->accepted = accepted_;
    }
    if (reply.starts_with("5")) mail_->is_refused = true;
    put_down();
  }

  void send_some() {
    std::size_t count = random_.below(2) == 0 ? outbox_.size() : 1 + random_.below(outbox_.size());
    if (leaves_after_) count = std::min(count, *leaves_after_);
    count = std::min(count, BlockPool::kLargest);
    peer_->send(std::string_view(outbox_).substr(0, count));
    outbox_.erase(0, count);
    if (outbox_.empty() && ends_with_text_ && mail_ != nullptr) {
      ++mail_->unanswered;
      is_whole_ = true;
      if (replies_.size() >= expected_) take_answer(replies_[expected_ - 1]);  // a refusal need not wait for the end
    }
    if (!leaves_after_) return;
    *leaves_after_ -= count;
    if (*leaves_after_ == 0) leave();
  }
  void say(const std::string& bytes, std::size_t replies, bool ends_text = false) {
    outbox_ = bytes;
    replies_.clear();
    expected_ = replies;
    ends_with_text_ = ends_text;
  }

  void go_on(const std::function<Mail*()>& next) {
    switch (stage_) {
      case Stage::banner:
        stage_ = Stage::hello;
        say(replies_.front().starts_with("220") ? "EHLO client.example\r\n" : "QUIT\r\n", 1);
        break;
      case Stage::hello: replies_.front().starts_with("250") ? begin(next()) : quit(); break;
      case Stage::commands: after_commands(); break;
      case Stage::text: was_taken_&& random_.below(3) != 0 ? begin(next()) : quit(); break;
      case Stage::quit: leave(); break;
    }
  }
  void begin(Mail* mail) {
    if (mail == nullptr) return quit();
    mail_ = mail;
    mail_->is_in_hand = true;
    commands_.clear();
    commands_within_ = 0;
    was_taken_ = false;
    answers_.clear();
    accepted_.clear();
    uses_bdat_ = random_.below(3) == 0;
    pipelines_ = random_.below(2) == 0;
    commands_.push_back("MAIL FROM:<" + mail->sender + ">" + (random_.below(2) == 0 ? " BODY=8BITMIME" : "") + "\r\n");
    for (const std::string& recipient : mail->recipients) commands_.push_back("RCPT TO:<" + recipient + ">\r\n");
    if (habits_.may_break && random_.below(8) == 0) leaves_after_ = 1 + random_.below(mail->text.size() + 200);
    if (uses_bdat_) return pipelines_ ? begin_chunks(true) : send_commands();
    commands_.push_back("DATA\r\n");
    send_commands();
  }
  void send_commands() {
    stage_ = Stage::commands;
    std::string bytes;
    std::size_t count = 0;
    while (!commands_.empty() && (count == 0 || pipelines_)) {
      bytes += commands_.front();
      commands_.pop_front();
      ++count;
    }
    say(bytes, count);
  }
  void after_commands() {
    answers_.insert(answers_.end(), replies_.begin(), replies_.end());
    if (answers_.front()[0] != '2') return give_up(answers_.front());
    if (!commands_.empty()) return send_commands();
    note_accepted();
    if (uses_bdat_) return accepted_.empty() ? give_up(answers_[1]) : begin_chunks(false);
    if (!answers_.back().starts_with("354")) return give_up(answers_.size() > 1 ? answers_[1] : answers_.back());
    stage_ = Stage::text;
    say(stuffed(mail_->text) + ".\r\n", 1, true);
  }
  void note_accepted() {
    for (std::size_t i = 0; i < mail_->recipients.size(); ++i)
      if (answers_[i + 1].starts_with("25")) accepted_.insert(mail_->recipients[i]);
  }
  void begin_chunks(bool with_commands) {
    std::string bytes;
    std::size_t replies = commands_within_ = with_commands ? commands_.size() : 0;
    if (with_commands)
      for (const std::string& command : std::exchange(commands_, {})) bytes += command;
    std::string_view rest = mail_->text;
    while (true) {
      const std::size_t count = random_.below(2) == 0 ? rest.size() : random_.below(rest.size() + 1);
      const bool is_last = count == rest.size();
      bytes += "BDAT " + std::to_string(count) + (is_last ? " LAST" : "") + "\r\n" + std::string(rest.substr(0, count));
      rest.remove_prefix(count);
      ++replies;
      if (is_last) break;
    }
    stage_ = Stage::text;
    say(bytes, replies, true);
  }
  static std::string stuffed(std::string_view text) {
    std::string out;
    bool at_start = true;
    for (const char c : text) {
      if (at_start && c == '.') out += '.';
      out += c;
      at_start = c == '\n';
    }
    return out;
  }
  void give_up(const std::string& reply) {
    if (reply.starts_with("5")) mail_->is_refused = true;
    put_down();
    quit();
  }
  void put_down() {
    mail_->is_in_hand = false;
    mail_ = nullptr;
    is_whole_ = false;
  }
  void quit() {
    if (mail_ != nullptr) put_down();
    stage_ = Stage::quit;
    say("QUIT\r\n", 1);
  }
  void leave() {
    has_left_ = true;
    if (mail_ != nullptr) put_down();
    peer_->fail_input(random_.below(2) == 0 ? Errc::closed : Errc::reset);
    peer_->fail_output(Errc::reset);
  }

  std::shared_ptr<smtp::FakePeer> peer_;
  Random& random_;
  Habits habits_;
  Stage stage_ = Stage::banner;
  std::string outbox_;
  std::string partial_;
  std::string heard_;
  std::vector<std::string> replies_;  // to what was said last
  std::size_t expected_ = 1;
  bool ends_with_text_ = false;  // what is in the outbox
  bool is_whole_ = false;        // the text has left whole, and is not answered
  bool has_left_ = false;
  std::optional<std::size_t> leaves_after_;  // bytes

  Mail* mail_ = nullptr;
  std::deque<std::string> commands_;  // not yet sent
  std::vector<std::string> answers_;  // to those sent
  std::set<std::string> accepted_;
  std::size_t commands_within_ = 0;  // of the replies to the text, those to commands sent with it
  bool was_taken_ = false;           // the last message: the transaction is over
  bool uses_bdat_ = false;
  bool pipelines_ = false;
};

}  // namespace postern::simulation
