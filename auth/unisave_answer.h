// SPDX-License-Identifier: MIT
// What a Unisave server answered to a facet call: which of the few things it can mean.
//
// The bytes may come from a broken gateway, from a proxy before it, or from an attacker: whatever
// is not exactly an answer is AUTH_UNISAVE_MALFORMED. Pure. What follows from an answer for a
// player or for a result is decided in auth/backend_unisave.

#ifndef AUTH_UNISAVE_ANSWER_H
#define AUTH_UNISAVE_ANSWER_H

#include "config/base/bytes.h"

enum auth_unisave_kind {
    AUTH_UNISAVE_RETURNED,  // the method ran to its end
    AUTH_UNISAVE_THREW,     // the method threw, or what calls it did
    AUTH_UNISAVE_TIMED_OUT, // the backend stopped the method
    AUTH_UNISAVE_NO_METHOD, // no such facet, or no such method in it
    AUTH_UNISAVE_MISMATCH,  // what it takes or returns does not fit: before or after it ran
    AUTH_UNISAVE_NO_BUILD,  // "Build hasn't been registered"
    AUTH_UNISAVE_BUSY,      // 429 and 503: come again
    AUTH_UNISAVE_REJECTED,  // other 4xx: the gateway does not take the request
    AUTH_UNISAVE_FAILED,    // any other status
    AUTH_UNISAVE_MALFORMED, // 200, and not an answer
    AUTH_UNISAVE_KINDS,     // how many there are
};

enum auth_unisave_returned {
    AUTH_UNISAVE_NOTHING, // null, or not there
    AUTH_UNISAVE_TRUE,    // JSON true
    AUTH_UNISAVE_FALSE,   // JSON false
    AUTH_UNISAVE_OTHER,
};

#define AUTH_UNISAVE_CLASS_BYTES   128
#define AUTH_UNISAVE_SESSION_BYTES 65

struct auth_unisave_answer {
    enum auth_unisave_kind kind;
    enum auth_unisave_returned returned; // RETURNED only
    // False only when it is certain that not one line of the method has run.
    bool may_have_run;
    // THREW only: the same call will throw again (the id is unknown, the data are wrong).
    bool for_good;
    // The exception's class, when it looks like one; safe to log, as its message would not be.
    char exception[AUTH_UNISAVE_CLASS_BYTES];
    // To be sent with the next call; empty: the answer brings none, keep the last one.
    char session_id[AUTH_UNISAVE_SESSION_BYTES];
};

void auth_unisave_answer_parse(unsigned status, struct bytes_span body,
                               struct auth_unisave_answer *answer);
const char *auth_unisave_kind_name(enum auth_unisave_kind kind); // "no_method", for logs
// What an operator has to do about an unwelcome answer; empty where it may mend itself.
const char *auth_unisave_kind_mend(enum auth_unisave_kind kind);

#endif
