// The fake stream of engine/smtp, for tests in folders that know nothing of SMTP.
#pragma once

#include "engine/smtp/fake_stream.h"
