// The built-in replies. The texts are Exim's, because log tools and fail2ban read them. Those with a part that varies are
// finished by the caller: the constant is what stands before or behind it.
#pragma once

#include "engine/smtp/reply.h"

namespace postern::smtp::reply {

// Transactions.
inline constexpr Reply kOk{250, {2, 0, 0}, "OK"};                 // NOOP
inline constexpr Reply kSenderOk{250, {2, 1, 0}, "OK"};           // MAIL
inline constexpr Reply kRecipientOk{250, {2, 1, 5}, "Accepted"};  // RCPT
inline constexpr Reply kResetOk{250, {2, 0, 0}, "Reset OK"};      // RSET
inline constexpr Reply kEnterMessage{354, {}, "Enter message, ending with \".\" on a line by itself"};
inline constexpr std::string_view kMessageAcceptedBefore = "OK id=";              // 250 2.0.0, and the message id
inline constexpr std::string_view kChunkReceivedBehind = " byte chunk received";  // 250 2.0.0, behind the number
inline constexpr std::string_view kClosingBehind = " closing connection";         // 221 2.0.0, behind our name

// Order of commands.
inline constexpr Reply kHeloRequired{503, {5, 5, 1}, "HELO or EHLO required"};
inline constexpr Reply kSenderAlreadyGiven{503, {5, 5, 1}, "sender already given"};
inline constexpr Reply kSenderNotYetGiven{503, {5, 5, 1}, "sender not yet given"};
inline constexpr Reply kNoRecipientsData{503, {5, 5, 1}, "valid RCPT command must precede DATA"};
inline constexpr Reply kNoRecipientsBdat{503, {5, 5, 1}, "valid RCPT command must precede BDAT"};
inline constexpr Reply kOnlyBdat{503, {5, 5, 1}, "only BDAT permissible after non-LAST BDAT"};
inline constexpr Reply kOnlyRset{503, {5, 5, 1}, "only RSET accepted now"};
inline constexpr Reply kChunkingNotAdvertised{503, {5, 5, 1}, "BDAT command used when CHUNKING not advertised"};
inline constexpr Reply kStartTlsNotAdvertised{503, {5, 5, 1}, "STARTTLS command used when not advertised"};
inline constexpr Reply kAuthNotAdvertised{503, {5, 5, 1}, "AUTH command used when not advertised"};

// Syntax.
inline constexpr Reply kUnrecognizedCommand{500, {5, 5, 2}, "unrecognized command"};
inline constexpr Reply kInvalidEhlo{501, {5, 5, 2}, "Syntactically invalid EHLO argument(s)"};
inline constexpr Reply kInvalidHelo{501, {5, 5, 2}, "Syntactically invalid HELO argument(s)"};
inline constexpr Reply kUnexpectedArgument{501, {5, 5, 4}, "unexpected argument data"};
inline constexpr Reply kMailNeedsAddress{501, {5, 5, 4}, "MAIL must have an address operand"};
inline constexpr Reply kRcptNeedsAddress{501, {5, 5, 4}, "RCPT must have an address operand"};
inline constexpr Reply kBdatNeedsSize{501, {5, 5, 4}, "missing size for BDAT command"};
inline constexpr Reply kNulInCommand{501, {5, 5, 2}, "NUL characters are not allowed in SMTP commands"};

// Limits and refusals.
inline constexpr Reply kMessageTooBig{552, {5, 3, 4}, "Message size exceeds maximum permitted"};
inline constexpr Reply kSpaceShortage{452, {4, 3, 1}, "Space shortage, please try later"};
inline constexpr Reply kTooManyRecipients{452, {4, 5, 3}, "too many recipients"};
inline constexpr Reply kTooManyRecipientsReject{552, {5, 5, 3}, "too many recipients"};
inline constexpr Reply kTooManyMessages{421, {4, 7, 0}, "too many messages in this connection"};
inline constexpr Reply kTooManyConnections{421, {4, 3, 2}, "Too many concurrent SMTP connections; please try again later"};
inline constexpr Reply kTooManyConnectionsHost{
    421, {4, 7, 0}, "Too many concurrent SMTP connections from this IP address; please try again later"};
inline constexpr Reply kTooManyNonmail{554, {5, 7, 0}, "Too many nonmail commands"};
inline constexpr Reply kTooManyUnrecognized{500, {5, 5, 2}, "Too many unrecognized commands"};
inline constexpr Reply kTooManyErrors{501, {5, 5, 2}, "Too many syntax or protocol errors"};
inline constexpr Reply kSynchronization{554, {5, 5, 0}, "SMTP synchronization error"};
inline constexpr Reply kAdministrativeProhibition{550, {5, 7, 1}, "Administrative prohibition"};
inline constexpr Reply kVrfyUnknown{252, {2, 5, 0}, "Administrative prohibition"};
inline constexpr Reply kTlsUnavailable{454, {4, 7, 0}, "TLS currently unavailable"};
inline constexpr Reply kSecurityFailure{554, {5, 7, 0}, "Security failure"};

// Behind our name and with 421 4.4.2 (timeout), 421 4.3.2 (shutdown).
inline constexpr std::string_view kCommandTimeoutBehind = ": SMTP command timeout - closing connection";
inline constexpr std::string_view kDataTimeoutBehind = " SMTP incoming data timeout - closing connection.";
inline constexpr std::string_view kServiceUnavailableBehind = ": Service not available - closing connection";
inline constexpr std::string_view kLostInputBehind = " lost input connection";

}  // namespace postern::smtp::reply
