// A writer's figures. Written by its shard, read by anyone.
#pragma once

#include "engine/base/counter.h"

namespace postern::spool {

struct SpoolStats {
  Counter commits;          // records made durable
  Counter batches;          // durable writes of batches that succeeded
  Counter bytes;            // written in them, padding included
  Counter record_bytes;     // of the records alone
  Counter in_doubt;         // commits answered with Errc::in_doubt
  Counter refused;          // commits answered with any other error
  Counter rotations;        // to a next segment
  Counter abandoned;        // segments left after a failed write
  Counter segments_in_use;  // gauge: in the directory, as of the last look
  Counter segments_free;    // gauge: in free/, as of the last look
  Counter waiting;          // gauge: commits that wait for room in a batch buffer
  Histogram commit_us;      // from commit() to durable, in steps of the loop's turns
};

}  // namespace postern::spool
