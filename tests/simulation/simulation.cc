#include "tests/simulation/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::simulation {

namespace {

using smtp::testing::FakeServer;

constexpr const char* kConfig = R"(
primary_hostname = gw.example
qualify_domain = example
message_size_limit = 30000
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  deny domains = refused.example
  accept
begin routers
two:
  driver = manualroute
  domains = two.example
  transport = out
  route_list = * 192.0.2.2
three:
  driver = manualroute
  domains = three.example
  transport = out
  route_list = * 192.0.2.3
back:
  driver = manualroute
  domains = send.example
  transport = out
  route_list = * 192.0.2.4
rest:
  driver = manualroute
  transport = out
  route_list = * 192.0.2.1
begin transports
out:
  driver = smtp
begin retry
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";

std::shared_ptr<const config::Config> the_config() {
  static const std::shared_ptr<const config::Config> config = delivery::testing::config_from(kConfig);
  return config;
}

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;

// The address in "RCPT TO:<address> ...".
std::string address_in(std::string_view line) {
  const std::size_t from = line.find('<') + 1;
  return std::string(line.substr(from, line.find('>') - from));
}

// The id in our Received: field.
std::string id_in(std::string_view received) {
  const std::size_t at = received.find("id ");
  return at == received.npos ? std::string() : std::string(received.substr(at + 3, spool::MessageId::kLength));
}

}  // namespace

Simulation::Simulation(std::uint64_t seed) : random_(seed), hops_(random_), config_(the_config()) {
  mails_max_ = static_cast<std::uint32_t>(10 + random_.below(40));
  if (happens(2)) disk_.set_reorder(&random_);
  make_directories();
  doorbell_.emplace(spool::Doorbell::create(kShards).value());
}

Simulation::~Simulation() {
  if (ingress_) end_ingress(true);
  if (delivery_) end_delivery(true);
}

std::vector<std::string> Simulation::run() {
  const std::uint64_t steps = 80 + random_.below(160);
  for (std::uint64_t i = 0; i < steps; ++i) step(true);
  settle();
  drain();
  check();
  return wrongs_;
}

// ---- time ----

void Simulation::turn() {
  scheduler_.run();
  if (ingress_) ingress_->end_of_turn();
  if (delivery_) delivery_->end_of_turn();
}

void Simulation::advance(std::int64_t ms) {
  for (std::int64_t i = 0; i < ms; ++i) {
    for (int turns = 0; turns < 4; ++turns) turn();
    scheduler_.advance_ms(1);
  }
}

// Jumps: what was due in between is late.
void Simulation::skip_s(std::int64_t seconds) {
  scheduler_.clock().advance_ms(seconds * 1'000);
  for (int i = 0; i < 120; ++i) {
    for (int turns = 0; turns < 6; ++turns) turn();
    scheduler_.advance_ms(10);
  }
}

bool Simulation::drive(Task<void> task) {
  Gate gate;
  gate.start(std::move(task));
  for (int i = 0; i < 5'000 && gate.inside() > 0; ++i) advance(1);
  POSTERN_CHECK(gate.inside() == 0);  // nothing here may take so long
  return true;
}

bool Simulation::begins(Task<Result<void>> task) {
  std::optional<Result<void>> result;
  drive([](Task<Result<void>> inner, std::optional<Result<void>>& into) -> Task<void> { into = co_await inner; }(
                                                                            std::move(task), result));
  return result->has_value();
}

// ---- lives ----

void Simulation::make_directories() {
  drive([](FakeFileSystem& disk) -> Task<void> {
    for (const char* directory : {"ingress", "ingress/00", "ingress/01"})
      POSTERN_CHECK((co_await disk.make_directory(directory, 0700)).has_value());
    POSTERN_CHECK((co_await disk.sync_directory("")).has_value());
    POSTERN_CHECK((co_await disk.sync_directory("ingress")).has_value());
  }(disk_));
}

Machine Simulation::machine() {
  return {.disk = disk_,
          .network = hops_.network,
          .random = random_,
          .log = log_,
          .damage = *this,
          .config = config_,
          .doorbell = *doorbell_};
}

void Simulation::start_ingress() {
  ingress_ = std::make_unique<IngressProcess>(machine());
  if (begins(ingress_->start())) return;
  ++totals_.failed_starts;
  ingress_rests_ = static_cast<int>(random_.below(20));
  tell("ingress does not start");
  ingress_.reset();
}

void Simulation::start_delivery() {
  hops_.sender_is_alive = true;
  delivery_ = std::make_unique<DeliveryProcess>(machine());
  if (begins(delivery_->start())) return delivery_->run();
  ++totals_.failed_starts;
  delivery_rests_ = static_cast<int>(random_.below(20));
  tell("delivery does not start");
  delivery_.reset();
}

void Simulation::end_ingress(bool by_kill) {
  totals_.large += ingress_->large_messages();
  if (by_kill) {
    ingress_->kill();
    for (Sender& sender : senders_) sender.client.cut_off(happens(2));
  }
  drive(ingress_->stop());
  if (ingress_->leaked() != 0) wrong(fmt::format("ingress ends and {} bytes are held", ingress_->leaked()));
  for (Sender& sender : senders_) sender.client.cut_off(!by_kill);
  senders_.clear();
  ingress_.reset();
  tell(by_kill ? "ingress killed" : "ingress stopped");
}

void Simulation::end_delivery(bool by_kill) {
  if (by_kill) {
    delivery_->kill();
    hops_.sender_is_alive = false;
  }
  drive(delivery_->stop());
  if (delivery_->leaked() != 0) wrong(fmt::format("delivery ends and {} bytes are held", delivery_->leaked()));
  totals_.moved += delivery_->stats().copied.get();
  totals_.journal_files += delivery_->journal_stats().files.get();
  delivery_.reset();
  tell(by_kill ? "delivery killed" : "delivery stopped");
}

void Simulation::lose_power() {
  disk_.cut_power();
  if (ingress_) ingress_->kill();
  if (delivery_) delivery_->kill();
  hops_.sender_is_alive = false;
  if (ingress_) end_ingress(true);
  if (delivery_) end_delivery(true);
  doorbell_.emplace(spool::Doorbell::create(kShards).value());
  constexpr FakeFileSystem::Survival kKinds[] = {FakeFileSystem::Survival::none, FakeFileSystem::Survival::all,
                                                 FakeFileSystem::Survival::random};
  disk_.restart(kKinds[random_.below(3)], &random_);
  if (happens(2)) disk_.set_reorder(&random_);
  disk_.cut_power_after(UINT64_MAX);
  ++totals_.power_losses;
  tell("power lost");
}

// As a supervisor would.
void Simulation::keep_running() {
  if (!disk_.has_power()) lose_power();
  if (!ingress_ && --ingress_rests_ <= 0) start_ingress();
  if (!disk_.has_power()) lose_power();
  if (!delivery_ && --delivery_rests_ <= 0) start_delivery();
  if (!disk_.has_power()) lose_power();
}

// ---- what goes on ----

void Simulation::step(bool with_trouble) {
  keep_running();
  act_clients(with_trouble);
  if (with_trouble && happens(4)) make_trouble();
  advance(static_cast<std::int64_t>(1 + random_.below(4)));
  note(fmt::format("{} {} {}", scheduler_.now().ns, disk_.changes(), senders_.size()));
}

void Simulation::act_clients(bool may_break) {
  if (ingress_ && senders_.size() < 8 && happens(2) && !all_settled()) {
    auto peer = std::make_shared<smtp::FakePeer>();
    ingress_->serve(random_.below(kShards), peer);
    senders_.push_back({peer, Client(peer, random_, {.may_break = may_break})});
  }
  for (Sender& sender : senders_)
    if (happens(2)) sender.client.act([this] { return next_mail(); });
  for (const Sender& sender : senders_)
    if (sender.client.has_left()) note(sender.client.heard());
  std::erase_if(senders_, [](const Sender& sender) { return sender.client.has_left(); });
}

// One that has not been settled, and that nobody has in hand.
Mail* Simulation::next_mail() {
  for (Mail& mail : mails_)
    if (!mail.is_settled() && !mail.is_in_hand && happens(2)) return &mail;
  if (mails_.size() < mails_max_) return &mails_.emplace_back(make_mail(static_cast<std::uint32_t>(mails_.size()), random_));
  for (Mail& mail : mails_)
    if (!mail.is_settled() && !mail.is_in_hand) return &mail;
  return nullptr;
}

bool Simulation::all_settled() const { return mails_.size() == mails_max_ && std::ranges::all_of(mails_, &Mail::is_settled); }

void Simulation::make_trouble() {
  switch (random_.below(12)) {
    case 0:
      if (ingress_) ++totals_.kills_of_ingress, end_ingress(true);
      ingress_rests_ = static_cast<int>(random_.below(5));
      break;
    case 1:
      if (delivery_) ++totals_.kills_of_delivery, end_delivery(true);
      delivery_rests_ = static_cast<int>(random_.below(10));
      break;
    case 2:
      if (ingress_ && happens(2)) ++totals_.clean_stops, end_ingress(false);
      if (delivery_ && happens(2)) ++totals_.clean_stops, end_delivery(false);
      break;
    case 3: disk_.cut_power_after(disk_.changes() + random_.below(100)); break;
    case 4:
    case 5: break_disk(); break;
    case 6:
      ++totals_.full_disks;
      tell("disk full");
      disk_.set_capacity(random_.below(600) * 4'096);
      break;
    case 7:
    case 8: disk_.set_capacity(kPlenty); break;
    case 9: skip_s(happens(3) ? 16 * 60 : 2); break;
    default: hops_.change_mood(); break;
  }
}

void Simulation::break_disk() {
  constexpr FakeOp kOps[] = {FakeOp::write_durable, FakeOp::write_durable, FakeOp::write,  FakeOp::sync,
                             FakeOp::fill,          FakeOp::rename,        FakeOp::remove, FakeOp::sync_directory,
                             FakeOp::list,          FakeOp::open,          FakeOp::read};
  FakeFault fault;
  fault.op = kOps[random_.below(std::size(kOps))];
  fault.path_contains = happens(2) ? "ingress/" : "delivery/";
  fault.skip = random_.below(4);
  fault.count = 1 + random_.below(3);
  if (fault.op == FakeOp::write_durable) {
    fault.is_short = happens(3);
    fault.effective = random_.below(6) * 4'096;
    fault.transferred = fault.is_short ? 512 * random_.below(3) : 0;
  }
  disk_.inject(fault);
  tell(fmt::format("{} operations of kind {} on {} will fail behind the next {}", fault.count, static_cast<int>(fault.op),
                   fault.path_contains, fault.skip));
  ++totals_.disk_errors;
}

// ---- the end ----

// The disk works, the hosts answer, and whoever has mail brings it.
void Simulation::settle() {
  disk_.clear_faults();
  disk_.set_capacity(kPlenty);
  disk_.cut_power_after(UINT64_MAX);
  if (!disk_.has_power()) lose_power();
  hops_.be_well();
  ingress_rests_ = delivery_rests_ = 0;
  tell("settling");
  for (int i = 0; i < 4'000 && !(all_settled() && senders_.empty()); ++i) step(false);
  if (!all_settled()) wrong("messages are neither taken nor refused, although all is well");
}

void Simulation::drain() {
  keep_running();
  if (!ingress_ || !delivery_) return wrong("the gateway does not start, although all is well");
  skip_s(2);
  for (int i = 0; i < 12 && (i < 2 || delivery_->stats().queued.get() > 0); ++i) skip_s(20 * 60);
  if (delivery_->stats().queued.get() > 0) wrong(fmt::format("{} messages are still queued", delivery_->stats().queued.get()));
  end_ingress(false);
  // Of the next starts are: an unused segment whose way back to free/ failed, and then, when the segments that name them are
  // gone, side files that a kill kept delivery from removing.
  for (int start = 0; start < 2; ++start) {
    start_ingress();
    if (!ingress_) return wrong("ingress does not start once more");
    skip_s(2);
    end_ingress(false);
    for (int i = 0; i < 3; ++i) skip_s(2);
  }
  check_nothing_is_left();
  end_delivery(false);
}

std::size_t Simulation::segments_in(const std::string& directory) {
  std::size_t count = 0;
  drive([](FakeFileSystem& disk, std::string path, std::size_t& found) -> Task<void> {
    const auto entries = co_await disk.list(std::move(path));
    if (!entries) co_return;
    for (const DirectoryEntry& entry : *entries)
      if (spool::parse_segment_name(entry.name)) ++found;
  }(disk_, directory, count));
  return count;
}

std::size_t Simulation::side_files_in(const std::string& directory) {
  std::size_t count = 0;
  drive([](FakeFileSystem& disk, std::string path, std::size_t& found) -> Task<void> {
    const auto names = co_await spool::list_side_files(disk, std::move(path));
    if (names) found = names->size();
  }(disk_, directory, count));
  return count;
}

void Simulation::check_nothing_is_left() {
  for (std::uint16_t shard = 0; shard < kShards; ++shard)
    if (const std::size_t left = segments_in(shard_directory(shard)); left > 0)
      wrong(fmt::format("{} segments of shard {} were not handed back", left, shard));
  for (std::uint16_t shard = 0; shard < kShards; ++shard)
    if (const std::size_t left = side_files_in(shard_directory(shard)); left > 0)
      wrong(fmt::format("{} side files of shard {} are left", left, shard));
  if (const std::size_t left = segments_in("delivery/store"); left > 2)
    wrong(fmt::format("{} segments of delivery's store are in use", left));
}

// ---- the account ----

void Simulation::check() {
  if (disk_.in_flight() > 0) wrong("the disk is still asked for something");
  for (const FakeServer& server : hops_.servers)
    if (server.open_connections > 0) wrong("connections to next hops are open");
  for (const std::string& line : log_.panic) {
    const bool was_injected = line.ends_with("Input/output error");
    if (line.find("is gone from") != line.npos || (line.find("be read") != line.npos && !was_injected))
      wrong("panic log: " + line);
  }

  std::map<std::uint32_t, Arrivals> arrivals;
  for (std::size_t i = 0; i + 1 < NextHops::kCount; ++i)
    for (const FakeServer::Mail& mail : hops_.servers[i].mails) check_arrival(mail, arrivals);
  const std::set<std::string> bounced = bounced_recipients();
  for (const Mail& mail : mails_) check_mail(mail, arrivals[mail.number], bounced);
  for (const std::string& line : log_.main) note(line);
}

void Simulation::check_arrival(const FakeServer::Mail& mail, std::map<std::uint32_t, Arrivals>& arrivals) {
  note(mail.text);
  const std::size_t at = mail.text.find("\r\nSubject: m");
  if (!mail.text.starts_with("Received: ") || at == mail.text.npos) return wrong("something else arrived: " + mail.text);
  const std::string_view received = std::string_view(mail.text).substr(0, at);
  const std::string_view text = std::string_view(mail.text).substr(at + 2);
  std::uint32_t number = 0;
  std::from_chars(text.data() + 10, text.data() + text.size(), number);
  if (number >= mails_.size()) return wrong("a message that nobody sent: " + mail.text);
  if (text != mails_[number].text) wrong(fmt::format("message {} arrived in another shape", number));
  Arrivals& of = arrivals[number];
  const std::string id = id_in(received);
  of.ids.insert(id);
  for (const std::string& line : mail.recipients) {
    Arrivals::Count& count = of.by_recipient[address_in(line)][id];
    ++count.all;
    count.unanswered += mail.is_answered ? 0 : 1;
  }
}

std::set<std::string> Simulation::bounced_recipients() const {
  std::set<std::string> found;
  for (const FakeServer::Mail& mail : hops_.servers.back().mails) {
    const std::string& text = mail.text;
    for (std::size_t at = text.find("\r\n  r"); at != text.npos; at = text.find("\r\n  r", at + 1))
      found.insert(text.substr(at + 4, text.find_first_of("\r:", at + 4) - at - 4));
  }
  return found;
}

void Simulation::check_mail(const Mail& mail, const Arrivals& arrivals, const std::set<std::string>& bounced) {
  totals_.acknowledged += mail.acknowledged ? 1 : 0;
  totals_.refused += mail.is_refused ? 1 : 0;
  if (mail.is_refusable && mail.acknowledged) wrong(fmt::format("message {} was taken, and breaks the rules", mail.number));
  for (const std::string& recipient : mail.accepted) {
    const bool has_arrived = arrivals.by_recipient.contains(recipient);
    totals_.arrived += has_arrived ? 1 : 0;
    totals_.bounced += bounced.contains(recipient) ? 1 : 0;
    if (!has_arrived && !bounced.contains(recipient) && !mail.sender.empty())
      wrong(fmt::format("message {} is lost for {} ({})", mail.number, recipient, *mail.acknowledged));
    if (!has_arrived && mail.sender.empty() && !recipient.ends_with(kUnknownDomain))
      wrong(fmt::format("message {} without a sender is lost for {}", mail.number, recipient));
  }
  // Each time it may have been stored it has an id of its own.
  const std::size_t stored_max = (mail.acknowledged ? 1 : 0) + mail.unanswered;
  if (arrivals.ids.size() > stored_max)
    wrong(fmt::format("message {} came out as {} messages, and at most {} are explained", mail.number, arrivals.ids.size(),
                      stored_max));
  for (const auto& [recipient, times] : arrivals.by_recipient) {
    if (std::ranges::find(mail.recipients, recipient) == mail.recipients.end() || recipient.ends_with(kRefusedDomain))
      wrong(fmt::format("message {} went to {}", mail.number, recipient));
    for (const auto& [id, count] : times) {
      if (count.all == 1) continue;
      totals_.duplicates += count.all - 1;
      const std::size_t explained = log_.count(id + " possible duplicate") + count.unanswered;
      if (count.all > 1 + explained)
        wrong(fmt::format("message {} ({}) came {} times to {}, and only {} of them are explained", mail.number, id, count.all,
                          recipient, explained));
    }
  }
}

void Simulation::on_damage(const spool::Damage& damage) {
  wrong(fmt::format("damage in {}: {} at {}", damage.path, spool::to_string(damage.kind), damage.offset));
}

// With what was logged since.
void Simulation::tell(std::string what) {
  note(what);
  for (; told_main_ < log_.main.size(); ++told_main_) story_.push_back("    " + log_.main[told_main_]);
  for (; told_panic_ < log_.panic.size(); ++told_panic_) story_.push_back("  ! " + log_.panic[told_panic_]);
  story_.push_back(fmt::format("{} ms, {} changes: {}", scheduler_.now().ns / 1'000'000, disk_.changes(), what));
}

void Simulation::note(std::string_view what) {
  for (const char c : what) trace_ = (trace_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}

}  // namespace postern::simulation
