// The log line of a DKIM signature (log_selector +dkim_verbose).
#pragma once

#include <string_view>

#include "appliance/log/log_line.h"
#include "policy/dkim/verifier.h"

namespace postern::ingress {

// "ID DKIM: d=example.org s=key c=relaxed/simple a=rsa-sha256 b=2048 i=@example.org [verification succeeded]"
void append_signature(log::LogLine& line, std::string_view id, const dkim::SignatureResult& result);

}  // namespace postern::ingress
