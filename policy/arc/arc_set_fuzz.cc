// ARC Sets: any header is read within its bounds, and what is found to be a chain has all that a verifier relies on.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/ip_address.h"
#include "engine/buffer/block_pool.h"
#include "engine/buffer/chain.h"
#include "policy/arc/chain.h"
#include "policy/arc/seal_settings.h"

namespace {

using namespace postern;
using namespace postern::arc;

void check_fields(PeerView value) {
  AuthenticationResults results;
  MessageSignature signature;
  Seal seal;
  if (read_authentication_results(value, results) == Fault::none)
    POSTERN_CHECK(results.instance >= 1 && results.instance <= kInstanceMax);
  if (!results.remote_ip.empty()) POSTERN_CHECK(IpAddress::parse(results.remote_ip.view()));
  if (read_message_signature(value, signature) == Fault::none)
    POSTERN_CHECK(signature.instance >= 1 && signature.instance <= kInstanceMax);
  if (read_seal(value, seal) != Fault::none) return;
  POSTERN_CHECK(seal.instance >= 1 && seal.instance <= kInstanceMax && !seal.signature.empty());
  POSTERN_CHECK(message::is_signing_name(seal.domain.view()) && message::is_signing_name(seal.selector.view()));
  POSTERN_CHECK(seal.cut_begin <= seal.cut_end && seal.cut_end <= value.size());
}

void check_chain(std::string_view text) {
  const Chain bytes(Slice::literal(text));
  BlockPool pool;
  const message::HeaderIndex headers(smtp::HeaderView(bytes, text.size(), pool));
  const ReceivedChain chain = read_chain(headers);
  POSTERN_CHECK(chain.sets.size() <= kInstanceMax);
  POSTERN_CHECK(!chain.ended || !chain.fault.empty());
  if (!chain.fault.empty()) return;
  for (std::size_t i = 0; i < chain.sets.size(); ++i) {
    const Set& set = chain.sets[i];
    POSTERN_CHECK(set.is_whole());
    POSTERN_CHECK(set.results.instance == i + 1 && set.signature.instance == i + 1 && set.seal.instance == i + 1);
    POSTERN_CHECK(set.seal.status == (i == 0 ? ChainStatus::none : ChainStatus::pass));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_fields(PeerView(text));
  if (!text.empty()) check_chain(text);
  std::string why;
  if (!read_arc_sign(text, why)) POSTERN_CHECK(!why.empty());
  return 0;
}
