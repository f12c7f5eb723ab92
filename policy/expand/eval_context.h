// What surrounds an expansion: implemented by whoever has the facts (session, routing, delivery).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/expand/services.h"
#include "policy/expand/variables.h"

namespace postern::expand {

// A value that is borrowed from the context until the context changes.
struct Held {
  std::string_view text;
  Bytes bytes = Bytes::peers;
};

class EvalContext {
 public:
  virtual ~EvalContext() = default;

  // The value of a built variable; empty when there is none here. A view into the context, or into `scratch` after the
  // callee has filled it; valid until the context changes or `scratch` does.
  [[nodiscard]] virtual std::string_view variable(VariableId id, std::string& scratch) const = 0;
  // Whose bytes that value is made of, for variables whose row says `depends` ($acl_arg1).
  [[nodiscard]] virtual Bytes bytes_of(VariableId) const { return Bytes::peers; }

  // The certificate that a variable is, in DER or PEM; empty when there is none.
  [[nodiscard]] virtual std::string_view certificate(VariableId) const { return {}; }

  // $acl_c..., $acl_m...: `name` is all of it ("acl_m_greylist"). Nothing: it was never set.
  [[nodiscard]] virtual std::optional<Held> acl_variable(std::string_view) const { return std::nullopt; }

  // The message's header fields of that name (letters of either case alike), in order, one a call: all that stands behind the
  // colon, line ends within it included, the last one not. `at` begins as 0 and is advanced by the callee. Nothing: no more.
  [[nodiscard]] virtual std::optional<std::string_view> header(std::string_view, std::size_t&) const { return std::nullopt; }

  // $0, $1 ...: what a match that preceded the expansion captured.
  [[nodiscard]] virtual std::optional<Held> capture(unsigned) const { return std::nullopt; }

  [[nodiscard]] virtual bool is_first_delivery() const { return false; }
  [[nodiscard]] virtual bool is_queue_running() const { return false; }

  // Null: nothing can be asked, and a program that asks fails.
  [[nodiscard]] virtual Services* services() const { return nullptr; }
  // For ${expand:}, whose text is compiled only now. Null: it can name no lookup and no list.
  [[nodiscard]] virtual CompileServices* compile_services() const { return nullptr; }
};

}  // namespace postern::expand
