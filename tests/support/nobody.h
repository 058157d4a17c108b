// SPDX-License-Identifier: MIT
// A TCP port of this machine at which nobody listens, and nobody else can meanwhile.

#ifndef TESTS_SUPPORT_NOBODY_H
#define TESTS_SUPPORT_NOBODY_H

#define NOBODY_BYTES sizeof("127.0.0.1:65535")

// A socket that is bound and does not listen, to be closed; where it is in `where`.
int nobody_open(char where[NOBODY_BYTES]);

#endif
