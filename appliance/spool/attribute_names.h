// Names of the attributes that ingress stores with a message and delivery reads. They are on disk: never change the meaning of
// one.
#pragma once

#include <string_view>

namespace postern::spool::attribute {

// Of a message.
inline constexpr std::string_view kProtocol = "protocol";            // text: smtp, esmtp ... local (made by delivery)
inline constexpr std::string_view kHelo = "helo";                    // peer_text: argument of the last HELO or EHLO
inline constexpr std::string_view kHostAddress = "host_address";     // text: client, without port
inline constexpr std::string_view kHostPort = "host_port";           // number
inline constexpr std::string_view kBody = "body";                    // text: 7BIT or 8BITMIME, as declared
inline constexpr std::string_view kHas8Bit = "has_8bit";             // number: 1 when the content has bytes above 127
inline constexpr std::string_view kSmtpUtf8 = "smtputf8";            // number: 1 when declared (RFC 6531)
inline constexpr std::string_view kDsnRet = "dsn_ret";               // text: FULL or HDRS (RFC 3461 section 4.3)
inline constexpr std::string_view kDsnEnvid = "dsn_envid";           // peer_text: xtext as received (RFC 3461 section 4.4)
inline constexpr std::string_view kLineBytesMax = "line_bytes_max";  // number: longest line of the content
inline constexpr std::string_view kFrozen = "frozen";                // number: 1 when an ACL froze it (control = freeze)
inline constexpr std::string_view kCopyOf = "copy_of";               // text: the record that this one took the place of, as
                                                                     // number.incarnation.offset (made by delivery)

// Of a recipient.
inline constexpr std::string_view kNotify = "notify";  // number: 1 never, 2 success, 4 failure, 8 delay (RFC 3461 section 4.1)
inline constexpr std::string_view kOrcpt = "orcpt";    // peer_text: type;xtext as received (RFC 3461 section 4.2)

}  // namespace postern::spool::attribute
