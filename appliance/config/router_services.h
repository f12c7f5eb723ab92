// What the texts of routers may name that deliveries use, too, and those of transports.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "policy/expand/services.h"

namespace postern::config {

// What ACLs may, but for what only the client's connection knows: header fields, the text and ACL variables are not kept with a
// message.
class RouterServices final : public expand::CompileServices {
 public:
  // Borrowed. `has_headers`: whoever runs the texts has read the message.
  explicit RouterServices(expand::CompileServices& services, bool has_headers = false) noexcept
      : services_(services), has_headers_(has_headers) {}

  [[nodiscard]] std::expected<Lookup, std::string> find_lookup(std::string_view written) override {
    return services_.find_lookup(written);
  }
  [[nodiscard]] bool leaves_out_lookup(std::string_view written) override { return services_.leaves_out_lookup(written); }
  [[nodiscard]] bool is_lookup_type(std::string_view type) override { return services_.is_lookup_type(type); }
  void noticed_lookup_file(expand::LookupHandle handle, std::string_view file) override {
    services_.noticed_lookup_file(handle, file);
  }
  [[nodiscard]] std::expected<List, std::string> find_list(expand::ListKind kind, const expand::ConfigText& text) override {
    return services_.find_list(kind, text);
  }
  [[nodiscard]] bool is_named_list(std::string_view name) override { return services_.is_named_list(name); }
  [[nodiscard]] bool has_headers() override { return has_headers_; }
  [[nodiscard]] bool has_acl_variables() override { return false; }
  [[nodiscard]] bool has_acls() override { return false; }
  [[nodiscard]] bool allows_run() override { return services_.allows_run(); }

 private:
  expand::CompileServices& services_;
  bool has_headers_;
};

}  // namespace postern::config
