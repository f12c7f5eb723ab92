#include "policy/expand/services.h"

namespace postern::expand {

namespace {

Answer refused(std::string_view what) {
  std::string why(what);
  return Answer::failed(why.append(" cannot be used here"));
}

}  // namespace

std::optional<Answer> Services::lookup_now(const LookupQuestion&) { return refused("lookups"); }
Task<Answer> Services::lookup(LookupQuestion) { co_return refused("lookups"); }
std::optional<Answer> Services::match_now(const ListQuestion&) { return refused("lists"); }
Task<Answer> Services::match(ListQuestion) { co_return refused("lists"); }
std::optional<Answer> Services::acl_now(const AclQuestion&) { return refused("ACLs"); }
Task<Answer> Services::acl(AclQuestion) { co_return refused("ACLs"); }
std::optional<Answer> Services::file_now(const FileQuestion&) { return refused("files"); }
Task<Answer> Services::file(FileQuestion) { co_return refused("files"); }
std::optional<Answer> Services::fetch_now(VariableId) { return Answer::not_found(); }
Task<Answer> Services::fetch(VariableId) { co_return Answer::not_found(); }
Task<Answer> Services::read_socket(ReadSocketQuestion) { co_return refused("readsocket"); }
Task<Answer> Services::run(RunQuestion) { co_return refused("run"); }
Answer Services::named_list(char, std::string_view) { return refused("named lists"); }
std::string Services::auth_results(std::string_view id) const {
  return std::string("Authentication-Results: ").append(id).append("; none");
}

std::optional<std::string> Services::environment(std::string_view) { return std::nullopt; }

}  // namespace postern::expand
