// For tests: connections to fake servers by address.
#pragma once

#include "tests/fakes/fake_connector.h"

namespace postern::delivery::testing {

using smtp::testing::FakeConnector;

}  // namespace postern::delivery::testing
