#include "appliance/delivery/figures_json.h"

#include <nlohmann/json.hpp>

namespace postern::delivery {

std::string figures_json(const DeliveryStats& stats, const JournalStats& journal, const log::LogStats& log,
                         const control::ReloadStats& reload) {
  nlohmann::ordered_json json;
  json["queue"] = {{"messages", stats.queued.get()},
                   {"oldest_age_s", stats.oldest_age_s.get()},
                   {"active", stats.active.get()},
                   {"waiting", stats.waiting.get()}};
  json["messages"] = {{"read", stats.messages.get()},
                      {"completed", stats.completed.get()},
                      {"possible_duplicates", stats.possible_duplicates.get()},
                      {"copied", stats.copied.get()},
                      {"unreadable", stats.unreadable.get()}};
  json["recipients"] = {{"delivered", stats.delivered.get()},
                        {"deferred", stats.deferred.get()},
                        {"failed", stats.failed.get()},
                        {"discarded", stats.discarded.get()}};
  json["bounces"] = stats.bounced.get();
  json["connections"] = {{"open", stats.connections.get()},
                         {"made", stats.connections_made.get()},
                         {"destinations", stats.destinations.get()},
                         {"hosts_resting", stats.hosts_resting.get()}};
  json["journal"] = {{"records", journal.records.get()},
                     {"batches", journal.batches.get()},
                     {"files", journal.files.get()},
                     {"failures", journal.failures.get()}};
  json["log"] = {{"lines", log.lines.get()}, {"dropped", log.dropped.get()}, {"write_errors", log.write_errors.get()}};
  json["configuration"] = {{"reloads", reload.reloads.get()},
                           {"failed_reloads", reload.failed.get()},
                           {"last_reload_s", reload.last_reload_s.get()},
                           {"earlier_in_use", reload.earlier_in_use.get()}};
  return json.dump(2) + "\n";
}

}  // namespace postern::delivery
