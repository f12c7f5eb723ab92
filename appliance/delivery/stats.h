// Delivery's figures: written by its thread, read by any.
#pragma once

#include "engine/base/counter.h"

namespace postern::delivery {

struct DeliveryStats {
  // Gauges.
  Counter queued;         // messages that are not done
  Counter oldest_age_s;   // of the one that has been queued longest among those being tried or waiting; 0: none
  Counter active;         // messages being tried
  Counter waiting;        // for a destination or for their next try
  Counter connections;    // outgoing, open
  Counter destinations;   // with something to do
  Counter hosts_resting;  // that are remembered as failing
  // Since the start.
  Counter messages;             // read from the spool
  Counter completed;            // messages without a recipient left
  Counter delivered;            // recipients
  Counter deferred;             // recipients, each time
  Counter failed;               // recipients
  Counter bounced;              // bounces written
  Counter discarded;            // failures nobody was told of
  Counter possible_duplicates;  // messages tried again after an attempt whose end is not known
  Counter connections_made;
  Counter copied;      // messages that moved to delivery's own store
  Counter unreadable;  // messages whose record could not be read when they were due
};

}  // namespace postern::delivery
