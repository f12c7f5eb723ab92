// The options of the smtp transport about DKIM, expanded for one message: which signatures it is to have, or why it can have
// none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "appliance/config/transport.h"
#include "appliance/delivery/transports/signing_keys.h"
#include "appliance/delivery/transports/signing_variables.h"
#include "engine/coro/task.h"
#include "policy/dkim/signer.h"
#include "policy/expand/evaluate.h"

namespace postern::delivery {

// Everything is borrowed.
class DkimSettings {
 public:
  static constexpr std::size_t kSignaturesMax = 20;  // of one message

  DkimSettings(const config::DkimOptions& options, SigningKeys& keys, SigningVariables& variables) noexcept
      : options_(options), keys_(keys), variables_(variables) {}

  // A signer for each domain and selector, in their order; none where the key says so. False: why(). Suspends.
  [[nodiscard]] Task<bool> make_signers();
  [[nodiscard]] std::vector<dkim::Signer>& signers() noexcept { return signers_; }
  // In Exim's words where it has some, printable.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  // What was put up with.
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }
  // dkim_strict: a message that could not be signed waits. Suspends.
  [[nodiscard]] Task<bool> is_strict();

 private:
  using Option = std::optional<expand::Program>;
  struct Value {
    std::string text;
    expand::Bytes bytes = expand::Bytes::ours;
  };
  // Each: false, and why_.
  [[nodiscard]] Task<bool> expand(const Option& option, std::string_view name, Value& value);
  [[nodiscard]] Task<bool> sign_for_domain(std::string domain, expand::Bytes bytes);
  [[nodiscard]] Task<bool> add_signer(std::string domain, std::string selector);
  [[nodiscard]] Task<bool> find_key_text(Value& key);
  [[nodiscard]] Task<bool> read_rest(dkim::SignSettings& settings);
  [[nodiscard]] bool refuse(std::string why);
  void judge_canon(std::string& canon);

  const config::DkimOptions& options_;
  SigningKeys& keys_;
  SigningVariables& variables_;
  std::vector<dkim::Signer> signers_;
  std::vector<std::string> remarks_;
  std::string why_;
};

}  // namespace postern::delivery
