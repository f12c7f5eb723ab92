#include "engine/smtp/params.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace postern::smtp {
namespace {

using namespace std::string_view_literals;

constexpr ExtensionSet kAll = Extension::size | Extension::eight_bit_mime | Extension::binary_mime | Extension::smtputf8 |
                              Extension::dsn | Extension::auth | Extension::require_tls | Extension::prdr;

MailParams mail(std::string_view text) {
  const MailParamsStep step = parse_mail_params(text, kAll);
  EXPECT_EQ(step.error.code, ParamErrorCode::none) << text;
  return step.params;
}

RcptParams rcpt(std::string_view text, bool smtputf8 = false) {
  const RcptParamsStep step = parse_rcpt_params(text, kAll, smtputf8);
  EXPECT_EQ(step.error.code, ParamErrorCode::none) << text;
  return step.params;
}

TEST(MailParams, Empty) {
  for (const std::string_view text : {"", " ", " \t "}) {
    const MailParams params = mail(text);
    EXPECT_EQ(params.size, std::nullopt);
    EXPECT_EQ(params.body, BodyType::unstated);
    EXPECT_FALSE(params.smtputf8);
    EXPECT_EQ(params.envid, std::nullopt);
  }
}

TEST(MailParams, EachOne) {
  EXPECT_EQ(mail(" SIZE=0").size, 0U);
  EXPECT_EQ(mail(" size=18446744073709551615").size, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(mail(" SIZE=99999999999999999999").size, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(mail(" BODY=7BIT").body, BodyType::seven_bit);
  EXPECT_EQ(mail(" body=8bitmime").body, BodyType::eight_bit_mime);
  EXPECT_EQ(mail(" BODY=BINARYMIME").body, BodyType::binary_mime);
  EXPECT_TRUE(mail(" SMTPUTF8").smtputf8);
  EXPECT_EQ(mail(" RET=full").ret, DsnReturn::full);
  EXPECT_EQ(mail(" RET=HDRS").ret, DsnReturn::headers);
  EXPECT_EQ(mail(" ENVID=QQ314159+2Ba").envid, "QQ314159+2Ba");
  EXPECT_EQ(mail(" ENVID=" + std::string(100, 'x')).envid->size(), 100U);
  EXPECT_EQ(mail(" AUTH=<>").auth, "<>");
  EXPECT_EQ(mail(" AUTH=e+3Dmc2@example.com").auth, "e+3Dmc2@example.com");
  EXPECT_TRUE(mail(" REQUIRETLS").require_tls);
  EXPECT_TRUE(mail(" PRDR").prdr);
}

TEST(MailParams, ManyInAnyOrder) {
  const MailParams params = mail("  SMTPUTF8 \t AUTH=\xc3\xbc@example.org SIZE=5  BODY=8BITMIME ");
  EXPECT_EQ(params.size, 5U);
  EXPECT_EQ(params.body, BodyType::eight_bit_mime);
  EXPECT_EQ(params.auth, "\xc3\xbc@example.org");
  EXPECT_TRUE(mail(" AUTH=\xc3\xbc@example.org SMTPUTF8").smtputf8);
}

struct BadCase {
  std::string_view text;
  ParamErrorCode code;
  int reply_code;
  std::string_view reason;
};

const std::string kLongEnvid = " ENVID=" + std::string(101, 'x');
const std::string kLongAuth = " AUTH=" + std::string(501, 'x');
const std::string kLongOrcpt = " ORCPT=rfc822;" + std::string(500, 'x');
const std::string kLongKeyword = " " + std::string(50, 'K');
const std::string kLongKeywordReason = std::string(40, 'K') + ": parameter not recognized";

const BadCase kBadMail[] = {
    {" FOO", ParamErrorCode::unknown, 555, "FOO: parameter not recognized"},
    {" FOO=bar", ParamErrorCode::unknown, 555, "FOO: parameter not recognized"},
    {" NOTIFY=NEVER", ParamErrorCode::unknown, 555, "NOTIFY: parameter not recognized"},
    {kLongKeyword, ParamErrorCode::unknown, 555, kLongKeywordReason},
    {" =x", ParamErrorCode::malformed, 501, "malformed parameter =x"},
    {" -A=x", ParamErrorCode::malformed, 501, "malformed parameter -A=x"},
    {" SIZE:1", ParamErrorCode::malformed, 501, "malformed parameter SIZE"},
    {" ENVID=a=b", ParamErrorCode::malformed, 501, "malformed parameter ENVID"},
    {" ENVID=a\x01", ParamErrorCode::malformed, 501, "malformed parameter ENVID"},
    {" ENVID=a\0b"sv, ParamErrorCode::malformed, 501, "malformed parameter ENVID"},
    {" <b@c>", ParamErrorCode::malformed, 501, "malformed parameter <b@c>"},
    {" SIZE", ParamErrorCode::value_missing, 501, "SIZE needs a value"},
    {" SIZE=", ParamErrorCode::value_missing, 501, "SIZE needs a value"},
    {" SIZE=-1", ParamErrorCode::value_bad, 501, "invalid data for SIZE"},
    {" SIZE=1k", ParamErrorCode::value_bad, 501, "invalid data for SIZE"},
    {" SIZE=000000000000000000001", ParamErrorCode::value_bad, 501, "invalid data for SIZE"},
    {" SIZE=1 SIZE=1", ParamErrorCode::duplicate, 501, "SIZE can be specified once only"},
    {" RET=FULL ret=HDRS", ParamErrorCode::duplicate, 501, "ret can be specified once only"},
    {" SMTPUTF8 SMTPUTF8", ParamErrorCode::duplicate, 501, "SMTPUTF8 can be specified once only"},
    {" BODY=9BIT", ParamErrorCode::value_bad, 501, "invalid data for BODY"},
    {" SMTPUTF8=YES", ParamErrorCode::value_unwanted, 501, "SMTPUTF8 takes no value"},
    {" REQUIRETLS=", ParamErrorCode::value_unwanted, 501, "REQUIRETLS takes no value"},
    {" RET=BODY", ParamErrorCode::value_bad, 501, "Value for RET is invalid"},
    {" ENVID=a+0D+0AX-Evil:+20yes", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {" ENVID=a+", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {" ENVID=a+4", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {" ENVID=a+4G", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {" ENVID=a+FF", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {" ENVID=a+00", ParamErrorCode::value_bad, 501, "invalid data for ENVID"},
    {kLongEnvid, ParamErrorCode::value_too_long, 501, "value for ENVID is too long"},
    {" AUTH=a+0A", ParamErrorCode::value_bad, 501, "invalid data for AUTH"},
    {kLongAuth, ParamErrorCode::value_too_long, 501, "value for AUTH is too long"},
    {" AUTH=\xc3\xbc@example.org", ParamErrorCode::value_bad, 501, "invalid data for AUTH"},
    {" SMTPUTF8 AUTH=\xfc@example.org", ParamErrorCode::value_bad, 501, "invalid data for AUTH"},
};

const BadCase kBadRcpt[] = {
    {" SIZE=1", ParamErrorCode::unknown, 555, "SIZE: parameter not recognized"},
    {" NOTIFY", ParamErrorCode::value_missing, 501, "NOTIFY needs a value"},
    {" NOTIFY=", ParamErrorCode::value_missing, 501, "NOTIFY needs a value"},
    {" NOTIFY=ALWAYS", ParamErrorCode::value_bad, 501, "Invalid value for NOTIFY parameter"},
    {" NOTIFY=NEVER,SUCCESS", ParamErrorCode::value_bad, 501, "Invalid value for NOTIFY parameter"},
    {" NOTIFY=SUCCESS,NEVER", ParamErrorCode::value_bad, 501, "Invalid value for NOTIFY parameter"},
    {" NOTIFY=SUCCESS,", ParamErrorCode::value_bad, 501, "Invalid value for NOTIFY parameter"},
    {" NOTIFY=,", ParamErrorCode::value_bad, 501, "Invalid value for NOTIFY parameter"},
    {" NOTIFY=DELAY NOTIFY=DELAY", ParamErrorCode::duplicate, 501, "NOTIFY can be specified once only"},
    {" ORCPT=a@example.org", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=;a@example.org", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=rfc822;", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=rfc 822;a", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=rf@c822;a", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=rfc822;a+0Ab", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=rfc822;\xc3\xbc@example.org", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\xc3\xbc@example.org", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\x{0A}", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\x{85}", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\x{D800}", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\x{110000}", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\x{FC", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\xFC", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {" ORCPT=utf-8;\\\\", ParamErrorCode::value_bad, 501, "invalid data for ORCPT"},
    {kLongOrcpt, ParamErrorCode::value_too_long, 501, "value for ORCPT is too long"},
};

void expect_error(const ParamError& error, const BadCase& c) {
  SCOPED_TRACE(::testing::PrintToString(c.text));
  EXPECT_EQ(error.code, c.code);
  EXPECT_EQ(error.reply_code(), c.reply_code);
  EXPECT_NE(std::string_view(error.rfc), "");
  std::string reason;
  append_reason(reason, error);
  EXPECT_EQ(reason, c.reason);
}

TEST(MailParams, Bad) {
  for (const BadCase& c : kBadMail) expect_error(parse_mail_params(c.text, kAll).error, c);
}

TEST(RcptParams, Bad) {
  for (const BadCase& c : kBadRcpt) expect_error(parse_rcpt_params(c.text, kAll, false).error, c);
}

TEST(MailParams, OnlyWhatWasAdvertised) {
  struct Case {
    std::string_view text;
    Extension extension;
  };
  constexpr Case kCases[] = {{" SIZE=1", Extension::size},
                             {" BODY=7BIT", Extension::eight_bit_mime},
                             {" SMTPUTF8", Extension::smtputf8},
                             {" RET=FULL", Extension::dsn},
                             {" ENVID=x", Extension::dsn},
                             {" AUTH=<>", Extension::auth},
                             {" REQUIRETLS", Extension::require_tls},
                             {" PRDR", Extension::prdr}};
  for (const Case& c : kCases) {
    ExtensionSet others = kAll;
    others.remove(c.extension);
    expect_error(parse_mail_params(c.text, others).error,
                 {c.text, ParamErrorCode::not_advertised, 555,
                  std::string(c.text.substr(1, c.text.find('=') - 1)) + " used when not advertised"});
    EXPECT_EQ(parse_mail_params(c.text, c.extension).error.code, ParamErrorCode::none);
  }
  expect_error(parse_mail_params(" BODY=BINARYMIME", Extension::eight_bit_mime).error,
               {"", ParamErrorCode::not_advertised, 555, "BODY=BINARYMIME used when not advertised"});
  EXPECT_EQ(parse_rcpt_params(" NOTIFY=NEVER", ExtensionSet(), false).error.code, ParamErrorCode::not_advertised);
}

TEST(RcptParams, EachOne) {
  EXPECT_EQ(rcpt("").notify, 0);
  EXPECT_EQ(rcpt(" NOTIFY=never").notify, kNotifyNever);
  EXPECT_EQ(rcpt(" NOTIFY=SUCCESS").notify, kNotifySuccess);
  EXPECT_EQ(rcpt(" NOTIFY=delay,Failure,SUCCESS").notify, kNotifySuccess | kNotifyFailure | kNotifyDelay);
  EXPECT_EQ(rcpt(" ORCPT=rfc822;a+2Bb@example.org").orcpt, "rfc822;a+2Bb@example.org");
  EXPECT_EQ(rcpt(" ORCPT=utf-8;\\x{FC}ber@example.org NOTIFY=DELAY").orcpt, "utf-8;\\x{FC}ber@example.org");
  EXPECT_EQ(rcpt(" ORCPT=UTF-8;\\x{1F4E7}\\x{2B}").orcpt, "UTF-8;\\x{1F4E7}\\x{2B}");
  EXPECT_EQ(rcpt(" ORCPT=utf-8;\xc3\xbc@example.org", true).orcpt, "utf-8;\xc3\xbc@example.org");
}

TEST(Params, WrittenAndReadBack) {
  const std::string all = " SIZE=18446744073709551615 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<> REQUIRETLS PRDR";
  std::string written;
  append_mail_params(written, mail(all), kAll);
  EXPECT_EQ(written, all);
  written.clear();
  append_mail_params(written, mail(all), Extension::size | Extension::dsn);
  EXPECT_EQ(written, " SIZE=18446744073709551615 RET=HDRS ENVID=a+2Bb");
  written.clear();
  append_mail_params(written, mail(" BODY=BINARYMIME"), Extension::eight_bit_mime);
  EXPECT_EQ(written, "");
  const std::string both = " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a@example.org";
  written.clear();
  append_rcpt_params(written, rcpt(both), kAll);
  EXPECT_EQ(written, both);
  written.clear();
  append_rcpt_params(written, rcpt(" NOTIFY=NEVER"), kAll);
  EXPECT_EQ(written, " NOTIFY=NEVER");
  append_rcpt_params(written, rcpt(both), Extension::size);
  EXPECT_EQ(written, " NOTIFY=NEVER");
  written.clear();
  append_mail_params(written, MailParams{}, kAll);
  append_rcpt_params(written, RcptParams{}, kAll);
  EXPECT_EQ(written, "");
}

TEST(Xtext, EveryByteThereAndBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  std::string encoded;
  append_xtext(encoded, bytes);
  EXPECT_TRUE(is_xtext(encoded));
  std::string decoded = "kept";
  EXPECT_TRUE(append_xtext_decoded(decoded, encoded));
  EXPECT_EQ(decoded, "kept" + bytes);
  EXPECT_EQ(encoded.substr(0, 6), "+00+01");
}

TEST(Xtext, Bad) {
  for (const std::string_view bad : {"+", "+4", "+4x", "a=b", "a b", "\xc3\xbc", "a\x7f"}) {
    std::string out = "kept";
    EXPECT_FALSE(is_xtext(bad)) << bad;
    EXPECT_FALSE(append_xtext_decoded(out, bad)) << bad;
    EXPECT_EQ(out, "kept");
  }
  EXPECT_TRUE(is_xtext(""));
  EXPECT_TRUE(is_xtext("+2b"));
}

}  // namespace
}  // namespace postern::smtp
