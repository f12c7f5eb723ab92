// Matching. Plain code that runs to the end, or to the first question whose answer is to be waited for (inquiry.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ip_address.h"
#include "policy/lists/inquiry.h"
#include "policy/lists/item_list.h"
#include "policy/lists/match.h"

namespace postern::lists {

// Who is asked about. Borrowed.
struct Subject {
  std::string_view text;            // domain, local part, or address; of a host nothing
  const IpAddress* host = nullptr;  // of host lists; null: the message came from no host
  bool is_bare_address = false;     // of match_ip: the host has no name that could be asked for, and needs none
};

class Judge {
 public:
  enum class Wants : std::uint8_t {
    truth,
    data,     // and what the list has to say about the subject
    account,  // and which item decided
  };

  // Without an inquiry only lists that do not ask can be matched (checked).
  explicit Judge(Inquiry* inquiry, Wants wants) noexcept
      : inquiry_(inquiry), wants_data_(wants != Wants::truth), wants_account_(wants == Wants::account) {}

  // Worthless when the inquiry waits afterwards.
  Match match(const ItemList& list, const Subject& subject);

 private:
  enum class Outcome : std::uint8_t {
    no,
    yes,
    defer,
    defer_in_list,  // a list within this one does: that is so whatever the modes here
    unknown,        // the host's name or address cannot be found
    waits,
  };
  struct Modes {
    bool include_unknown = false;
    bool ignore_unknown = false;
    bool include_defer = false;
    bool ignore_defer = false;
  };
  // Of one list, while its elements are gone through.
  struct Progress {
    const Subject& subject;
    Match& result;
    Modes modes = {};
    bool last_is_positive = true;
    std::vector<const Inquiry::Expanded*> texts = {};  // of the ExpandedItems, in order
    std::size_t texts_used = 0;
  };

  bool expansions_decide(const ItemList& list, Progress& progress);
  bool elements_decide(const ItemList& list, Progress& progress);
  bool element_decides(const ItemList& list, const Element& element, Progress& progress);
  // "matched \"!*.example\"": how `item` came to that outcome.
  template <class Item>
  [[nodiscard]] static std::string account_of(const Item& item, Outcome outcome, bool positive, const Subject& subject,
                                              const Match& result);
  bool outcome_decides(Outcome outcome, bool positive, Progress& progress);
  bool text_decides(const ExpandedItems& items, ListKind kind, Progress& progress);
  bool file_decides(const FileItem& item, ListKind kind, bool positive, Progress& progress);
  bool made_decides(const ItemList& made, expand::Bytes bytes, Progress& progress);

  Outcome test(const TextRun& run, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const AddressRun& run, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const HostRun& run, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const OwnAddresses& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const RegexItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const NamedItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const LookupItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const QueryItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const PairItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const SplitItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const MxItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const HostItem& item, ListKind kind, const Subject& subject, Match& result);
  Outcome test(const BrokenItem& item, ListKind kind, const Subject& subject, Match& result);

  Outcome text_outcome(const TextRun& run, ListKind kind, std::string_view subject, Match& result);
  Outcome regex_outcome(const RegexItem& item, ListKind kind, std::string_view subject, Match& result);
  Outcome lookup_outcome(const LookupItem& item, std::string_view key, Match& result);
  // What the first of the items that matches says; nothing when none does.
  std::optional<Outcome> local_part_outcome(std::string_view items, const SplitItem& item, std::string_view local_part,
                                            Match& result);
  // Asks `test` about each name of the client until one matches.
  template <class Test>
  Outcome any_name(const Subject& subject, Match& result, Test test);

  Inquiry& inquiry() const;

  Inquiry* inquiry_;
  bool wants_data_;
  bool wants_account_;
  std::uint64_t regex_steps_left_ = expand::Regex::kStepsMax;  // of all regular expressions together
  std::size_t depth_ = 0;                                      // of lists being matched within each other
};

}  // namespace postern::lists
