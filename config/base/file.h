// SPDX-License-Identifier: MIT
// Files that are written whole: whoever looks sees the old one or the new one, never half of one,
// also after the power was lost.
//
// Blocking, twice as long as the disk takes to sync. Knows nothing of what is in them.

#ifndef CONFIG_BASE_FILE_H
#define CONFIG_BASE_FILE_H

#include "config/base/bytes.h"

// Writes beside it, syncs, renames, and syncs the folder. False with the reason in errno, and then
// nothing is left behind; when only the folder could not be synced the new file is there.
bool file_replace(const char *path, struct bytes_span bytes, unsigned mode) BASE_MUST_USE;

#endif
