#include "appliance/config/host_facts.h"

#include <ifaddrs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "appliance/config/disk_files.h"

namespace postern::config {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  line = line.substr(0, line.find('#'));
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos) return words;
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

std::vector<IpAddress> interface_addresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    if (const auto address = SocketAddress::from_sockaddr(each->ifa_addr)) addresses.push_back(address->address);
  }
  return addresses;
}

}  // namespace

std::string qualified_name(const std::string& name, const std::string& hosts_file) {
  if (name.contains('.')) return name;
  std::string_view rest = hosts_file;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::vector<std::string_view> words = words_of(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (words.size() < 3 || std::find(words.begin() + 1, words.end(), name) == words.end()) continue;
    const auto dotted = std::find_if(words.begin() + 1, words.end(), [](std::string_view word) { return word.contains('.'); });
    if (dotted != words.end()) return std::string(*dotted);
  }
  return name;
}

HostFacts facts_of_this_host() {
  HostFacts facts;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0') facts.hostname = name.data();
  DiskFiles files;
  constexpr std::size_t kHostsBytesMax = std::size_t{1024} * 1024;
  const Result<std::string> hosts = files.read("/etc/hosts", kHostsBytesMax);
  if (hosts) facts.hostname = qualified_name(facts.hostname, *hosts);
  facts.addresses = interface_addresses();
  facts.environment = environment_of_process();
  if (const Result<std::string> services = files.read("/etc/services", kHostsBytesMax))
    facts.services = read_services(*services);
  return facts;
}

}  // namespace postern::config
