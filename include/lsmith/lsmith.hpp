// lsmith.hpp: the whole library, and its version.
//
// A log-structured merge tree: an ordered, durable, transactional map from bytes to bytes. Start
// with db.hpp; every other header is one part of the engine: read, use and replace each alone.
#pragma once

#include <lsmith/db.hpp>

#define LSMITH_VERSION_MAJOR 0
#define LSMITH_VERSION_MINOR 1
#define LSMITH_VERSION_PATCH 0
