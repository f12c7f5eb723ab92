#include "appliance/delivery/destinations.h"

#include <utility>

namespace postern::delivery {

bool Destinations::offer(const std::string& name, Attempt& attempt, bool in_trouble) {
  if (stopped_) return false;
  std::unique_ptr<Destination>& slot = destinations_[name];
  if (!slot) slot = std::make_unique<Destination>(Destination{.name = name, .waiting = {}, .in_trouble = in_trouble});
  Destination& destination = *slot;
  if (destination.waiting.size() >= limits_.waiting_per_destination_max) {
    destination.has_refused = true;
    return false;
  }
  destination.waiting.push_back(&attempt);
  ++waiting_;
  static_cast<void>(start_worker(destination));
  return true;
}

bool Destinations::has_room(const std::string& name) const {
  const auto found = destinations_.find(name);
  return found == destinations_.end() || found->second->waiting.size() < limits_.waiting_per_destination_max;
}

// One more, if there is something left for it to do.
bool Destinations::start_worker(Destination& destination) {
  const std::size_t free_workers = destination.workers - destination.under_way;  // on their way to the queue
  if (destination.workers >= workers_max(destination) || free_workers >= destination.waiting.size()) return false;
  ++destination.workers;
  gate_.start(work(destination));
  return true;
}

Task<void> Destinations::work(Destination& destination) {
  while (!destination.waiting.empty() && destination.workers <= workers_max(destination)) {
    const Result<void> slot = co_await slots_.acquire({Instant::never(), &stop_});
    if (!slot) break;
    if (!destination.waiting.empty()) co_await make_next(destination);
    slots_.release();
  }
  --destination.workers;
  if (destination.workers == 0 && destination.waiting.empty()) destinations_.erase(destination.name);
}

Task<void> Destinations::make_next(Destination& destination) {
  Attempt* const attempt = destination.waiting.front();
  destination.waiting.pop_front();
  --waiting_;
  const bool has_room = destination.waiting.size() <= limits_.waiting_per_destination_max / 2;
  if (destination.has_refused && has_room) destination.has_refused = listener_.on_room(destination.name);
  ++under_way_;
  ++destination.under_way;
  const bool is_well = co_await attempt->make();
  --under_way_;
  --destination.under_way;
  destination.in_trouble = !is_well;
  destination.has_worked = is_well;
  attempt->on_end(true);
  while (is_well && start_worker(destination)) {}
}

void Destinations::stop() {
  stopped_ = true;
  stop_.request_stop();
  for (auto& [name, destination] : destinations_) {
    for (Attempt* attempt : std::exchange(destination->waiting, {})) {
      --waiting_;
      attempt->on_end(false);
    }
  }
}

Task<void> Destinations::close() { co_await gate_.close(); }

}  // namespace postern::delivery
