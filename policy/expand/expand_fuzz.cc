// Any text compiles or is refused with one error, and what compiles keeps its bounds, whatever the variables hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "policy/expand/compile.h"
#include "policy/expand/config_text_for_test.h"
#include "policy/expand/evaluate.h"
#include "policy/expand/fold.h"

namespace {

using namespace postern::expand;

// Has something for everything that is asked; queries of the type "query" always wait.
class Hostile final : public EvalContext, public Services, public CompileServices {
 public:
  explicit Hostile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view variable(VariableId id, std::string& scratch) const override {
    if (id == VariableId::sender_ident) return {};
    return scratch.assign(bytes_);
  }
  Bytes bytes_of(VariableId id) const override { return id == VariableId::acl_arg1 ? Bytes::ours : Bytes::peers; }
  std::optional<Held> acl_variable(std::string_view name) const override {
    return Held{bytes_, name.ends_with('o') ? Bytes::ours : Bytes::peers};
  }
  std::optional<std::string_view> header(std::string_view, std::size_t& at) const override {
    return at++ < 2 ? std::optional(bytes_) : std::nullopt;
  }
  Services* services() const override { return const_cast<Hostile*>(this); }
  CompileServices* compile_services() const override { return const_cast<Hostile*>(this); }

  std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    if (written.starts_with("query")) return Lookup{.handle = 1, .query_style = true, .may_wait = true, .bytes = Bytes::peers};
    if (written.starts_with("redis"))
      return Lookup{.handle = 1, .query_style = true, .quotes_peers = true, .may_wait = true, .bytes = Bytes::peers};
    if (written.starts_with("key")) return Lookup{.handle = 0, .query_style = false, .may_wait = false};
    return std::unexpected("unknown");
  }
  bool is_lookup_type(std::string_view) override { return true; }
  std::expected<List, std::string> find_list(ListKind, const ConfigText&) override { return List{0, false}; }
  bool is_named_list(std::string_view) override { return true; }
  Answer any() const { return bytes_.size() % 2 == 0 ? Answer::found(std::string(bytes_)) : Answer::not_found(); }
  std::optional<Answer> lookup_now(const LookupQuestion& question) override {
    return question.lookup == 1 ? std::nullopt : std::optional(any());
  }
  std::optional<Answer> match_now(const ListQuestion&) override { return any(); }
  std::optional<Answer> acl_now(const AclQuestion&) override { return any(); }
  std::optional<Answer> file_now(const FileQuestion&) override { return any(); }
  std::optional<std::string> environment(std::string_view) override { return std::string(bytes_); }

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kOutput = 4096;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ConfigText source = ConfigTextForTest::line(text);
  Diagnostics diagnostics;
  Hostile hostile(text.substr(0, 512));
  const auto program = compile(source, diagnostics, &hostile);
  POSTERN_CHECK(diagnostics.errors() == (program ? 0u : 1u));
  if (program) {
    std::string out = "kept";
    const EvalResult result = evaluate(*program, hostile, out, kOutput);
    POSTERN_CHECK(out.starts_with("kept") && out.size() <= kOutput + 4);
    POSTERN_CHECK(result || out.size() == 4);
    POSTERN_CHECK(!result || result.bytes == Bytes::ours || program->has_peers_bytes());
  }
  LoadTimeValues values;
  values.set(VariableId::primary_hostname, "mx.example.org");
  const auto folded = expand_at_load(source, values, "text", diagnostics);
  if (folded)
    for (std::size_t i = 0; i <= folded->size(); i += 1 + i / 8) POSTERN_CHECK(folded->position(i).line == 1 || text.empty());
  return 0;
}
