#include "appliance/config/services_file.h"

#include <gtest/gtest.h>

namespace postern::config {
namespace {

TEST(ServicesFile, NamesTcpPorts) {
  const Services services = read_services(
      "# a comment\n"
      "echo\t7/tcp\n"
      "tftp 69/udp\n"
      "smtp   25/tcp  mail alias # more words\r\n"
      "smtp 26/tcp\n"
      "bad x/tcp\nnull 0/tcp\nlarge 65536/tcp\nlong 1/tcpx\nalone\n\n"
      "last 70/tcp");
  EXPECT_EQ(services, (Services{{"echo", 7}, {"smtp", 25}, {"mail", 25}, {"alias", 25}, {"last", 70}}));
  EXPECT_TRUE(read_services("").empty());
}

}  // namespace
}  // namespace postern::config
