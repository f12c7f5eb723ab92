// Signs a message as it is about to leave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/config/transport.h"
#include "appliance/delivery/transports/added_headers.h"
#include "appliance/delivery/transports/compose.h"
#include "appliance/delivery/transports/job.h"
#include "appliance/delivery/transports/outcome.h"
#include "appliance/delivery/transports/signing_keys.h"
#include "engine/buffer/block_pool.h"
#include "engine/coro/task.h"
#include "policy/expand/eval_context.h"

namespace postern::delivery {

struct Signed {
  struct Remark {
    std::string text;
    bool is_serious = false;
  };
  std::string fields;              // to stand before all others, CR LF line ends; empty: the message leaves as it is
  std::optional<Problem> problem;  // it does not leave: dkim_strict has it so, or it cannot be read
  std::vector<Remark> remarks;     // for the log, in this order
};

// RFC 6376 section 5 and RFC 8617 section 5.1, over the bytes of `composed`: what the transport added is signed with the rest.
// Everything is borrowed. Suspends for what the options ask, and while the message is read.
[[nodiscard]] Task<Signed> sign(const config::DkimOptions& options, SigningKeys& keys, const ComposedMessage& composed,
                                const AddedHeaders& added, const TransportJob& job, BlockPool& pool,
                                const expand::EvalContext& variables);

}  // namespace postern::delivery
