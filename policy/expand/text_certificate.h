// ${certextract: the fields of a certificate as text.
#pragma once

#include <string>
#include <string_view>

#include "policy/crypto/certificate.h"
#include "policy/expand/text_items.h"

namespace postern::expand {

// `selector`: the field's name, and modifiers behind commas ("subject,CN", "notafter,int", "subj_altname,dns,>;"). Replaces
// `result`, or `why` in Exim's words.
[[nodiscard]] ItemOutcome certificate_field(std::string_view selector, const crypto::Certificate& certificate,
                                            std::string& result, std::string& why);

}  // namespace postern::expand
