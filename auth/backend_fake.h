// SPDX-License-Identifier: MIT
// A backend that does as it is told, for tests of everything above the seam.
//
// The player token is the script of a verification; reports do what auth_fake_set_report() says.
// It counts and remembers what it was asked. Not in the registry: no setting leads to it, so no
// production server can be talked into it. Time is the loop's, so that it runs in virtual time.

#ifndef AUTH_BACKEND_FAKE_H
#define AUTH_BACKEND_FAKE_H

#include "auth/backend.h"

extern const struct auth_backend_impl auth_backend_fake;

// Player tokens that it knows; any other gets AUTH_NO.
#define AUTH_FAKE_YES     "yes"   // yes, as "Fake <player id>" in the kart AUTH_FAKE_KART
#define AUTH_FAKE_NO      "no"    // no
#define AUTH_FAKE_ERROR   "error" // no answer that can be trusted
#define AUTH_FAKE_SLOW    "slow"  // yes, after AUTH_FAKE_SLOW_MS
#define AUTH_FAKE_HANG    "hang"  // never answers
#define AUTH_FAKE_BUSY    "busy"  // the call cannot begin
#define AUTH_FAKE_WATCH   "watch" // yes, as a spectator

#define AUTH_FAKE_SLOW_MS 2000
#define AUTH_FAKE_KART    7

// Ids that begin so are none of this backend's.
#define AUTH_FAKE_FOREIGN "foreign/"

enum auth_fake_report {
    AUTH_FAKE_DELIVER,
    AUTH_FAKE_REFUSE,
    AUTH_FAKE_RETRY,
    AUTH_FAKE_HANG_UP, // takes it and never answers
    AUTH_FAKE_CANNOT,  // the call cannot begin
};

// Reports kept for auth_fake_report_at(); later ones are only counted.
#define AUTH_FAKE_REPORTS_MAX 256

struct auth_fake_counts {
    unsigned verify_calls;
    unsigned report_calls; // also those that could not begin
    unsigned cancelled;
    unsigned under_way;
    unsigned under_way_max;
    unsigned left;
    unsigned kicked;
    uint16_t notice_code; // of the newest of both
};

// impl->create() with nothing but a loop. Never NULL.
struct auth_backend *auth_fake_create(struct loop *loop) BASE_MUST_USE;
// The next `times` reports do this, those after them are delivered.
void auth_fake_set_report(struct auth_backend *backend, enum auth_fake_report what, unsigned times);
// While it is down every call that can begin fails at once, whatever else was set.
void auth_fake_set_down(struct auth_backend *backend, bool down);
// Every report whose body contains `text` is refused, whatever else was set; NULL ends that.
void auth_fake_set_poison(struct auth_backend *backend, const char *text);
// Results are split into one delivery for each of these subjects; borrowed. 0: the whole result.
void auth_fake_set_plan(struct auth_backend *backend, const char *const *subjects, unsigned count);
struct auth_fake_counts auth_fake_counts(const struct auth_backend *backend);
// The index-th report call since creation, with copies of all that it carried and the time of the
// call; NULL past the end.
struct auth_fake_call_record {
    char key[192];
    char subject[LIMIT_PLAYER_ID_BYTES + 1];
    struct bytes_buf body;
    unsigned attempt;
    uint64_t at_ns;
};
const struct auth_fake_call_record *auth_fake_report_at(const struct auth_backend *backend,
                                                        unsigned index);

#endif
