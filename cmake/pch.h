// Precompiled for every file. A speed-up only: each file still includes what it uses, and each header is compiled alone,
// without this one, by the header check. No <chrono>, <thread> or <mutex> here: they belong to a few folders.
#pragma once

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
