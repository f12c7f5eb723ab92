// A gateway of two shards and a delivery stage, its disk, its clients and its next hops, through whatever a seed brings: broken
// connections, failing and full disks, kills of either process, losses of power. At the end all is well for long enough, and
// then the account has to balance.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appliance/config/config.h"
#include "appliance/delivery/delivery_testing.h"
#include "engine/base/random.h"
#include "engine/coro/manual_scheduler.h"
#include "engine/io/fake_file_system.h"
#include "tests/simulation/client.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/mail.h"
#include "tests/simulation/next_hops.h"

namespace postern::simulation {

// What a run, or many, have seen: so that a test can tell that it saw something.
struct Totals {
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t arrived = 0;     // recipients
  std::uint64_t bounced = 0;     // recipients
  std::uint64_t duplicates = 0;  // recipients that got a message again, each explained
  std::uint64_t kills_of_ingress = 0;
  std::uint64_t kills_of_delivery = 0;
  std::uint64_t power_losses = 0;
  std::uint64_t clean_stops = 0;
  std::uint64_t failed_starts = 0;
  std::uint64_t full_disks = 0;
  std::uint64_t disk_errors = 0;  // injected
  std::uint64_t large = 0;        // messages, to side files
  std::uint64_t moved = 0;        // messages, to delivery's own store
  std::uint64_t journal_files = 0;
};

class Simulation final : private spool::DamageReporter {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Everything, once. What is wrong, one line each; empty when nothing is.
  [[nodiscard]] std::vector<std::string> run();
  // Of all that anybody could see.
  [[nodiscard]] std::uint64_t trace() const noexcept { return trace_; }
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  // The course of things, for a person who looks at one seed.
  [[nodiscard]] const std::vector<std::string>& story() const noexcept { return story_; }

 private:
  struct Sender {
    std::shared_ptr<smtp::FakePeer> peer;
    Client client;
  };
  // One message that got somewhere.
  struct Arrivals {
    struct Count {
      std::size_t all = 0;
      std::size_t unanswered = 0;  // the host took it, and did not say so
    };
    std::map<std::string, std::map<std::string, Count>> by_recipient;  // and by the id in its Received: field
    std::set<std::string> ids;
  };

  void on_damage(const spool::Damage& damage) override;

  // Time.
  void turn();
  void advance(std::int64_t ms);
  void skip_s(std::int64_t seconds);
  bool drive(Task<void> task);
  bool begins(Task<Result<void>> task);
  [[nodiscard]] bool happens(std::uint64_t one_in) { return random_.below(one_in) == 0; }

  // Lives.
  void make_directories();
  [[nodiscard]] Machine machine();
  void start_ingress();
  void start_delivery();
  void end_ingress(bool by_kill);
  void end_delivery(bool by_kill);
  void lose_power();
  void keep_running();

  // What goes on.
  void step(bool with_trouble);
  void act_clients(bool may_break);
  void make_trouble();
  void break_disk();
  void settle();
  void drain();
  [[nodiscard]] Mail* next_mail();
  [[nodiscard]] bool all_settled() const;

  // The account.
  void check();
  void check_arrival(const smtp::testing::FakeServer::Mail& mail, std::map<std::uint32_t, Arrivals>& arrivals);
  void check_mail(const Mail& mail, const Arrivals& arrivals, const std::set<std::string>& bounced);
  void check_nothing_is_left();
  [[nodiscard]] std::set<std::string> bounced_recipients() const;
  [[nodiscard]] std::size_t segments_in(const std::string& directory);
  [[nodiscard]] std::size_t side_files_in(const std::string& directory);
  void wrong(std::string what) { wrongs_.push_back(std::move(what)); }
  void note(std::string_view what);
  void tell(std::string what);

  SeededRandom random_;
  ManualScheduler scheduler_;
  FakeFileSystem disk_;
  NextHops hops_;
  delivery::testing::Lines log_;
  std::size_t told_main_ = 0;  // lines of the logs that are part of the story
  std::size_t told_panic_ = 0;
  std::vector<std::string> story_;
  std::shared_ptr<const config::Config> config_;
  std::optional<spool::Doorbell> doorbell_;
  std::unique_ptr<IngressProcess> ingress_;
  std::unique_ptr<DeliveryProcess> delivery_;
  std::list<Sender> senders_;
  std::deque<Mail> mails_;
  std::uint32_t mails_max_;
  int ingress_rests_ = 0;   // steps until it is started again
  int delivery_rests_ = 0;  // likewise
  std::uint64_t trace_ = 14695981039346656037ULL;
  Totals totals_;
  std::vector<std::string> wrongs_;
};

}  // namespace postern::simulation
