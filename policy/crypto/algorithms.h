// OpenSSL's objects for our names. For policy/crypto only.
#pragma once

#include <openssl/evp.h>

#include "policy/crypto/digest.h"

namespace postern::crypto::detail {

// Looked up once in a process: a lookup for each use costs more than hashing a header. nullptr when the library has none.
[[nodiscard]] const EVP_MD* algorithm(Hash hash) noexcept;

}  // namespace postern::crypto::detail
