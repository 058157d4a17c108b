// SPDX-License-Identifier: MIT
// Verifications under way: deadline, cap, queue, circuit breaker, and cancellation by connection
// handle.
//
// The owner of a request is an opaque key (net_conn_id_key of the connection). A player who leaves
// cancels his request; a late answer then resolves to nobody. Everything but the backend's yes is
// no: denied, or unavailable when there was no answer that can be trusted.

#ifndef AUTH_VERIFY_H
#define AUTH_VERIFY_H

#include "auth/backend.h"

struct auth_verify;

enum auth_outcome {
    AUTH_UNAVAILABLE, // error, deadline, queue full, breaker open -> 4503
    AUTH_DENIED,      // the backend said no -> 4003
    AUTH_ADMITTED,
};

enum auth_start {
    AUTH_STARTED,     // `outcome` will be called
    AUTH_NOT_STARTED, // neither place nor queue, a backend that cannot begin, or the breaker is
                      // open
    AUTH_FOREIGN,     // no id that the backend could know: nobody was asked
};

// Called from the loop, once per started request that was not cancelled; never from inside start.
// May start and cancel, but not destroy. `attributes` is never NULL.
typedef void auth_verify_outcome(void *user, uint64_t owner, enum auth_outcome outcome,
                                 const struct auth_attributes *attributes);

// `seed` drives the breaker's jitter; 0 takes one from the kernel.
struct auth_verify *auth_verify_create(struct loop *loop, struct auth_backend *backend,
                                       const struct config *config, struct counters *counters,
                                       uint64_t seed, auth_verify_outcome *outcome, void *user)
    BASE_MUST_USE;
void auth_verify_destroy(struct auth_verify *verify); // cancels all, calls nothing
// Copies what it needs from the request. At most one request per owner (asserted). What was not
// started is counted, `outcome` is not called, and the caller does as for AUTH_UNAVAILABLE, or as
// for AUTH_DENIED when the id is foreign. That says nothing about the backend, so the breaker does
// not hear of it and an open one does not hide it.
enum auth_start auth_verify_start(struct auth_verify *verify, uint64_t owner,
                                  const struct auth_verify_request *request) BASE_MUST_USE;
void auth_verify_cancel(struct auth_verify *verify, uint64_t owner); // unknown owner: no-op
// At the backend or waiting for a place there.
unsigned auth_verify_in_flight(const struct auth_verify *verify);
// The backend has failed too often: nobody is verified until a probe is answered.
bool auth_verify_breaker_open(const struct auth_verify *verify);

#endif
