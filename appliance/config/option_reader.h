// Typed values of settings. Everything that is wrong is reported at its place, under the option's name; nothing is given then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "appliance/config/setting.h"
#include "policy/expand/config_text.h"
#include "policy/expand/diagnostic.h"
#include "policy/expand/fold.h"
#include "policy/expand/program.h"
#include "policy/lists/compile.h"

namespace postern::config {

enum class ValueKind : std::uint8_t {
  boolean,    // name, no_name, name = yes
  integer,    // with K, M, G
  kilobytes,  // likewise; a bare number is kilobytes
  octal,
  fixed,  // thousandths
  time,
  time_list,
  text,  // a string, expanded or not, or a list: checked by whoever uses it
};

class OptionReader {
 public:
  // All references outlive the reader.
  OptionReader(lists::ListCompiler& lists, const expand::LoadTimeValues& values, expand::Diagnostics& diagnostics)
      : lists_(lists), values_(values), diagnostics_(diagnostics) {}

  // The same for texts and lists that may ask what `services` knows, and wait for the answer. Borrowed; may be null.
  [[nodiscard]] OptionReader that_asks(expand::CompileServices* services) const {
    OptionReader reader = *this;
    reader.services_ = services;
    reader.use_ = lists::Use::asks;
    return reader;
  }

  [[nodiscard]] std::optional<bool> boolean(const Setting& setting) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const Setting& setting) const;
  // 0 to 2^32 - 1.
  [[nodiscard]] std::optional<std::uint32_t> count(const Setting& setting) const;
  [[nodiscard]] std::optional<std::uint64_t> bytes(const Setting& setting) const;
  [[nodiscard]] std::optional<std::uint64_t> kilobytes(const Setting& setting) const;  // in bytes
  [[nodiscard]] std::optional<std::uint32_t> octal(const Setting& setting) const;
  [[nodiscard]] std::optional<std::int64_t> fixed(const Setting& setting) const;
  [[nodiscard]] std::optional<std::int64_t> seconds(const Setting& setting) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> times(const Setting& setting) const;
  // With quotes read.
  [[nodiscard]] std::optional<expand::ConfigText> text(const Setting& setting) const;
  // text(), expanded with what is known at load.
  [[nodiscard]] std::optional<expand::ConfigText> expanded(const Setting& setting) const;
  // text(), compiled for later.
  [[nodiscard]] std::optional<expand::Program> program(const Setting& setting) const;
  [[nodiscard]] std::optional<lists::DomainList> domains(const Setting& setting) const;
  [[nodiscard]] std::optional<lists::HostList> hosts(const Setting& setting, lists::Use use = lists::Use::at_once) const;
  [[nodiscard]] std::optional<lists::AddressList> addresses(const Setting& setting) const;
  [[nodiscard]] std::optional<lists::LocalPartList> local_parts(const Setting& setting) const;

  // Whether the value could be one of its kind; for options that are read and not used.
  void check(const Setting& setting, ValueKind kind) const;

  // Reports at the value, or at the name when there is no value.
  void error(const Setting& setting, const std::string& what_is_wrong) const;
  void warning(const Setting& setting, const std::string& what) const;
  [[nodiscard]] expand::CompileServices* services() const noexcept { return services_; }
  [[nodiscard]] lists::ListCompiler& lists() const noexcept { return lists_; }
  [[nodiscard]] const expand::LoadTimeValues& values() const noexcept { return values_; }
  [[nodiscard]] expand::Diagnostics& diagnostics() const noexcept { return diagnostics_; }

 private:
  template <class Value>
  [[nodiscard]] std::optional<Value> read(const Setting& setting,
                                          std::optional<Value> (*reader)(std::string_view, std::string&)) const;
  [[nodiscard]] bool wants_value(const Setting& setting) const;
  // For options of which a text with $ is expanded first, although they are numbers.
  [[nodiscard]] std::optional<std::int64_t> number(const Setting& setting, std::int64_t most) const;

  lists::ListCompiler& lists_;
  const expand::LoadTimeValues& values_;
  expand::Diagnostics& diagnostics_;
  expand::CompileServices* services_ = nullptr;
  lists::Use use_ = lists::Use::at_once;
};

}  // namespace postern::config
