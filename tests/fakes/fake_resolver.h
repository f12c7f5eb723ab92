// A resolver for tests: a table, with delays and failures.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/coro/event.h"
#include "net/dns/names.h"
#include "net/dns/resolver.h"

namespace postern::dns {

// What the table does not name has no data when another type of the same name is there, and does not exist otherwise.
class FakeResolver final : public Resolver {
 public:
  void add(std::string_view name, Type type, RecordData data, std::uint32_t ttl_s = 300) {
    Answer& answer = at(name, type);
    answer.status = Status::ok;
    answer.records.push_back({ttl_s, std::move(data)});
    answer.ttl_s = ttl_s;
  }
  void add_address(std::string_view name, std::string_view address) {
    const IpAddress parsed = IpAddress::parse(address).value();
    add(name, parsed.is_v4() ? Type::a : Type::aaaa, Address{parsed});
  }
  void add_mx(std::string_view name, std::uint16_t preference, std::string_view exchange) {
    add(name, Type::mx, MailExchanger{preference, PeerText(exchange)});
  }
  void add_text(std::string_view name, std::string_view text) { add(name, Type::txt, Text{{PeerText(text)}}); }
  void add_pointer(std::string_view address, std::string_view name) {
    add(reverse_name(IpAddress::parse(address).value()), Type::ptr, HostName{PeerText(name)});
  }
  void fail(std::string_view name, Type type, std::string why = "SERVFAIL from [192.0.2.53]:53") {
    at(name, type).why = std::move(why);
  }
  void authenticate(std::string_view name, Type type) { at(name, type).authenticated = true; }
  // The answer comes after so long; cut short by the question's wait.
  void delay(std::string_view name, Type type, std::int64_t ms) { delays_ms_[key(name, type)] = ms; }
  // Answers without a delay are known at once, through cached() too.
  void know_at_once(bool known) noexcept { known_ = known; }

  [[nodiscard]] Task<Answer> query(std::string name, Type type, QueryOptions options) override {
    asked.emplace_back(name, type);
    Answer answer = look_up(name, type);
    const auto delay = delays_ms_.find(key(name, type));
    if (delay != delays_ms_.end()) {
      const Instant now = Scheduler::current().now();
      const Instant ready = now.plus_ms(delay->second);
      const bool in_time = ready <= options.wait.deadline;
      if (!co_await sleep_until(in_time ? ready : options.wait.deadline, options.wait.stop) || !in_time)
        co_return Answer{.name = PeerText(std::move(name)), .why = "no answer in time"};
    }
    co_return answer;
  }
  [[nodiscard]] const Answer* cached(std::string_view name, Type type) override {
    if (!known_ || delays_ms_.contains(key(name, type))) return nullptr;
    known_answer_ = look_up(name, type);
    known_answer_.from_cache = true;
    return &known_answer_;
  }

  std::vector<std::pair<std::string, Type>> asked;  // by query(), in order

 private:
  using Key = std::pair<std::string, Type>;
  static Key key(std::string_view name, Type type) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return {lower_case(name), type};
  }
  Answer& at(std::string_view name, Type type) {
    Answer& answer = table_[key(name, type)];
    answer.name = PeerText(key(name, type).first);
    return answer;
  }
  [[nodiscard]] Answer look_up(std::string_view name, Type type) const {
    if (!name_to_wire(name)) return {.status = Status::nxdomain, .name = PeerText(name)};
    if (const auto found = table_.find(key(name, type)); found != table_.end()) return found->second;
    const auto any = table_.lower_bound(key(name, Type{}));
    const bool exists = any != table_.end() && any->first.first == key(name, type).first;
    return {.status = exists ? Status::no_data : Status::nxdomain, .ttl_s = 300, .name = PeerText(name)};
  }

  std::map<Key, Answer> table_;
  std::map<Key, std::int64_t> delays_ms_;
  Answer known_answer_;
  bool known_ = false;
};

}  // namespace postern::dns
