#include "engine/io/disk_faults.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace postern {
namespace {

TEST(DiskFaultsText, NamesOperationsAndWhatBecomesOfThem) {
  const auto faults = parse_disk_faults("durable:EIO:skip=100:count=2,sync:ENOSPC:lands,write:short");
  ASSERT_TRUE(faults);
  ASSERT_EQ(faults->size(), 3U);
  EXPECT_EQ((*faults)[0].op, DiskOp::durable);
  EXPECT_EQ((*faults)[0].error.code, Errc::io);
  EXPECT_EQ((*faults)[0].error.os_errno, EIO);
  EXPECT_EQ((*faults)[0].skip, 100U);
  EXPECT_EQ((*faults)[0].count, 2U);
  EXPECT_FALSE((*faults)[0].lands);
  EXPECT_EQ((*faults)[1].op, DiskOp::sync);
  EXPECT_EQ((*faults)[1].error.code, Errc::disk_full);
  EXPECT_TRUE((*faults)[1].lands);
  EXPECT_EQ((*faults)[2].op, DiskOp::write);
  EXPECT_TRUE((*faults)[2].is_short);
  EXPECT_EQ((*faults)[2].skip, 0U);
  EXPECT_EQ((*faults)[2].count, 1U);
}

TEST(DiskFaultsText, IsWrittenAsItIsRead) {
  const std::string text =
      "write:EIO:skip=0:count=1,durable:short:skip=3:count=1,sync:ENOSPC:lands:skip=0:count=9,fill:ENOSPC:skip=0:count=1,"
      "directory:EIO:skip=1:count=1,replace:EIO:skip=0:count=1";
  const auto faults = parse_disk_faults(text);
  ASSERT_TRUE(faults);
  EXPECT_EQ(format_disk_faults(*faults), text);
}

TEST(DiskFaultsText, CutAnywhereIsReadOrRefused) {
  const std::string text = "durable:EIO:skip=100:count=2,sync:ENOSPC:lands,write:short";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const auto faults = parse_disk_faults(std::string_view(text).substr(0, cut));
    if (faults)
      EXPECT_EQ(parse_disk_faults(format_disk_faults(*faults)), faults) << cut;
    else
      EXPECT_NE(faults.error().find("does not read: "), std::string::npos) << cut;
  }
}

TEST(DiskFaultsText, WhatDoesNotReadIsNamed) {
  for (const char* text :
       {"", "read:EIO", "durable", "durable:EPERM", "sync:short", "fill:short", "durable:short:lands",
        "durable:EIO:skip=", "durable:EIO:skip=-1", "durable:EIO:count=1x", "durable:EIO:often", ",write:EIO"})
    EXPECT_FALSE(parse_disk_faults(text)) << text;
  EXPECT_EQ(parse_disk_faults("durable:EPERM").error(),
            "'EPERM' does not read: an operation ends with EIO or ENOSPC; write and durable may also be short");
  std::string many = "sync:EIO";
  for (std::size_t i = 1; i < kDiskFaultsMax; ++i) many += ",sync:EIO";
  EXPECT_TRUE(parse_disk_faults(many));
  EXPECT_FALSE(parse_disk_faults(many + ",sync:EIO"));
}

TEST(DiskFaultsText, ADelayIsMicroseconds) {
  EXPECT_EQ(parse_flush_delay("1"), 1);
  EXPECT_EQ(parse_flush_delay("1000000"), 1'000'000);
  for (const char* text : {"", "0", "-1", "1000001", "1ms", " 1", "1 ", "0x10", "99999999999999999999"})
    EXPECT_FALSE(parse_flush_delay(text)) << text;
}

}  // namespace
}  // namespace postern
