// The instructions of the machine (machine.h). What each does to the output, to the marks and to the truth of the last
// condition is said beside it; `a`, `b`, `row` and `flag` are its operands. "name" means literals[a, a + b).
#pragma once

#include <cstdint>

namespace postern::expand {

enum class Op : std::uint8_t {
  nothing,

  // Appending text.
  literal,       // literals[a, a + b)
  variable,      // VariableId a, from the context
  fetched,       // VariableId a, from the services
  own_variable,  // OwnVariable flag: what the machine itself holds
  capture,       // $a
  acl_variable,  // name
  header,        // name; HeaderForm flag

  // Arguments. A mark opens one; what uses arguments takes as many marks as it has, and their texts off the output.
  mark,
  operate,               // operators()[row], its arguments are literals[a, a + b): 1 argument, appends
  quote_lookup,          // the same, for ${quote_TYPE:}, the type being the program's quoter flag
  quote_peers,           // the same, where what it is about is a peer's and not quoted yet
  reexpand,              // 1 argument, expands it
  apply_item,            // items()[row] with flag arguments, appends
  reexpand_replacement,  // of ${sg: what it was given to put in place of a match, expanded with the match's captures
  fail,                  // the expansion fails for the reason literals[a, a + b)
  force_failure,         // it fails by request

  // Asking the world.
  read_file,     // 2 arguments (name, end of line), appends
  read_socket,   // flag arguments, appends; jumps to a when that fails, unless a is 0
  run,           // flag arguments; truth, value
  environment,   // 1 argument; truth, value
  lookup,        // lookups[a], its 1 or 2 arguments; truth, value
  acl,           // flag arguments, appends
  stat,          // 1 argument, appends
  auth_results,  // 1 argument, appends
  list_named,    // 1 argument, appends; flag: 'd', 'h', 'a', 'l', or 0 for any kind

  // The same shape, asking nobody: `row` of items(), flag arguments; truth, value.
  find_in_text,

  find_in_certificate,  // of VariableId a; 1 argument; truth, value

  // Signed senders; the day is the context's.
  prvs_sign,   // flag arguments, appends
  prvs_begin,  // 1 argument, the address; jumps to a when it is not signed
  prvs_check,  // 1 argument, the secret
  prvs_end,    // flag arguments, 0 or 1: appends that one, or the address

  srs_encode,  // 3 arguments: secret, address, domain; appends

  // Scopes: what a condition or an item holds for its yes and no strings stands on the output below them, between `enter` and
  // `result`, and is taken away by `leave`, when the former value, item and captures are back, too.
  enter,
  result,
  leave,

  // Loops over the items of a list.
  loop_begin,  // LoopKind flag: row arguments, which stay on the output. Substitute: with b, regexes[a] is not among them.
               // forany, forall: Items a
  loop_next,   // the next item; jumps to a when there is none
  loop_keep,   // what was made of it (or the truth) goes to the result; jumps to a, or to b when the truth decides
  loop_end,    // what was kept takes the list's place; for conditions, truth. Sort: comparator conditions()[row]

  // Control.
  jump,                 // to a
  jump_if,              // to a, when true
  jump_unless,          // to a, when false
  jump_unless_numeric,  // to a, when the argument that the last mark opened is not a number
  set_truth,            // to flag
  negate,

  // Conditions: truth.
  test_one,           // conditions()[row], 1 argument
  test_two,           // conditions()[row], 2 arguments
  test_numbers,       // conditions()[row], 2 arguments
  test_set,           // 1 argument is not empty
  test_variable,      // VariableId a is not empty
  test_acl_variable,  // name is set and not empty
  test_header,        // a header of that name exists
  test_match,         // 2 arguments; or 1, with flag: regexes[a]
  test_inlist,        // 2 arguments; ignoring case with flag
  test_list,          // ListKind flag; 2 arguments; or 1: lists[a]
  test_exists,        // 1 argument
  test_acl,           // flag arguments
  test_srs,           // 2 arguments, a local part and a secret
  test_first_delivery,
  test_queue_running,
};

enum class OwnVariable : std::uint8_t {
  value,
  item,
  runrc,
  prvscheck_address,
  prvscheck_keynum,
  prvscheck_result,
  srs_recipient
};

enum class HeaderForm : std::uint8_t { decoded, raw, body, list };

enum class LoopKind : std::uint8_t { map, filter, reduce, sort, forany, forall, substitute };
struct Instruction {
  Op op = Op::nothing;
  std::uint8_t flag = 0;
  std::uint16_t row = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

}  // namespace postern::expand
