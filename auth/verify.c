// SPDX-License-Identifier: MIT
// One list holds every request in the order of its start. All have the same time, so the list is
// also in the order of the deadlines, and one timer for its head is enough. The ones at the backend
// come first, the ones that wait for a place are the rest of the list: `first_waiting` splits it.
//
// All memory is reserved at start-up. A request's token is wiped the moment its slot is free again.

#include "auth/verify.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/breaker.h"
#include "config/base/log.h"

#define NONE UINT32_MAX

enum ending {
    ENDING_ADMITTED,
    ENDING_DENIED,
    ENDING_ERROR,
    ENDING_DEADLINE,
    ENDING_NO_PLACE,
    ENDING_BREAKER,
    ENDING_CANCELLED,
    ENDING_FOREIGN,
    ENDING_COUNT,
};

static const char *const ending_names[ENDING_COUNT] = {
    "admitted", "denied",       "error",     "deadline",
    "no_place", "breaker_open", "cancelled", "foreign_id",
};

struct header {
    char name[65];
    char value[257];
};

struct slot {
    struct auth_verify *verify;
    uint64_t owner;
    uint64_t conn;
    uint64_t started_ns;
    struct auth_call *call; // NULL: waits for a place
    unsigned probe;         // for the breaker
    uint32_t next;          // in the list of requests, or of free slots
    uint32_t previous;
    uint32_t next_in_bucket;
    struct auth_token token;
    char session[LIMIT_SESSION_NAME_BYTES + 1];
    char transport[16];
    char remote[96];
    char client[65];
    char local[96];
    char origin[257];
    char user_agent[513];
    unsigned header_count;
    struct header headers[LIMIT_MAPPED_HEADERS];
};

struct auth_verify {
    struct loop *loop;
    struct auth_backend *backend;
    auth_verify_outcome *outcome;
    void *user;
    uint64_t deadline_ns;
    unsigned at_backend;
    unsigned at_backend_max;
    unsigned count;
    uint32_t first;
    uint32_t last;
    uint32_t first_waiting;
    uint32_t first_free;
    uint32_t bucket_mask;
    uint32_t *buckets; // by owner; chains through next_in_bucket
    struct slot *slots;
    struct loop_timer timer;
    struct auth_breaker breaker;
    uint64_t *endings[ENDING_COUNT];
    uint64_t *in_flight;
    uint64_t *breaker_open;
    struct histogram *duration;
};

// ---- the table

static uint32_t *bucket_of(struct auth_verify *verify, uint64_t owner)
{
    uint64_t mixed = owner * UINT64_C(0x9e3779b97f4a7c15);
    return &verify->buckets[(uint32_t)(mixed >> 32) & verify->bucket_mask];
}

// Where the chain points to the owner's slot, or to NONE at its end.
static uint32_t *find(struct auth_verify *verify, uint64_t owner)
{
    uint32_t *at = bucket_of(verify, owner);
    while (*at != NONE && verify->slots[*at].owner != owner) {
        at = &verify->slots[*at].next_in_bucket;
    }
    return at;
}

static void arm_timer(struct auth_verify *verify)
{
    if (verify->first == NONE) {
        loop_timer_cancel(verify->loop, &verify->timer);
    } else {
        uint64_t started_ns = verify->slots[verify->first].started_ns;
        loop_timer_set(verify->loop, &verify->timer, started_ns + verify->deadline_ns);
    }
}

static void count_changed(struct auth_verify *verify, int by)
{
    verify->count += (unsigned)by;
    *verify->in_flight += (uint64_t)by;
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void copy_request(struct slot *slot, const struct auth_verify_request *request)
{
    assert(request->header_count <= LIMIT_MAPPED_HEADERS);
    slot->conn = request->conn;
    slot->token = *request->token;
    copy(slot->session, sizeof(slot->session), request->session);
    copy(slot->transport, sizeof(slot->transport), request->transport);
    copy(slot->remote, sizeof(slot->remote), request->remote);
    copy(slot->client, sizeof(slot->client), request->client);
    copy(slot->local, sizeof(slot->local), request->local);
    copy(slot->origin, sizeof(slot->origin), request->origin);
    copy(slot->user_agent, sizeof(slot->user_agent), request->user_agent);
    slot->header_count = request->header_count;
    for (unsigned i = 0; i < request->header_count; i++) {
        struct header *header = &slot->headers[i];
        copy(header->name, sizeof(header->name), request->headers[i].name);
        copy(header->value, sizeof(header->value), request->headers[i].value);
    }
}

static struct slot *add_slot(struct auth_verify *verify, uint64_t owner,
                             const struct auth_verify_request *request)
{
    uint32_t index = verify->first_free;
    struct slot *slot = &verify->slots[index];
    verify->first_free = slot->next;

    slot->owner = owner;
    slot->started_ns = loop_now_ns(verify->loop);
    slot->call = NULL;
    slot->probe = 0;
    copy_request(slot, request);

    uint32_t *bucket = bucket_of(verify, owner);
    slot->next_in_bucket = *bucket;
    *bucket = index;
    slot->next = NONE;
    slot->previous = verify->last;
    *(verify->last == NONE ? &verify->first : &verify->slots[verify->last].next) = index;
    verify->last = index;
    count_changed(verify, 1);
    if (verify->first == index) {
        arm_timer(verify);
    }
    return slot;
}

static void remove_slot(struct auth_verify *verify, struct slot *slot)
{
    assert(!slot->call);
    uint32_t index = (uint32_t)(slot - verify->slots);
    uint32_t *link = find(verify, slot->owner);
    assert(*link == index);
    *link = slot->next_in_bucket;
    if (verify->first_waiting == index) {
        verify->first_waiting = slot->next;
    }
    bool was_first = verify->first == index;
    *(was_first ? &verify->first : &verify->slots[slot->previous].next) = slot->next;
    *(slot->next == NONE ? &verify->last : &verify->slots[slot->next].previous) = slot->previous;
    auth_token_wipe(&slot->token);
    slot->next = verify->first_free;
    verify->first_free = index;
    count_changed(verify, -1);
    if (was_first) {
        arm_timer(verify);
    }
}

// ---- the breaker

static void note_answer(struct auth_verify *verify)
{
    if (auth_breaker_answered(&verify->breaker)) {
        *verify->breaker_open = 0;
        log_event(LOG_INFO, "backend_breaker_closed",
                  LOG_S("backend", verify->backend->impl->name));
    }
}

static void note_failure(struct slot *slot)
{
    struct auth_verify *verify = slot->verify;
    uint64_t now_ns = loop_now_ns(verify->loop);
    if (auth_breaker_failed(&verify->breaker, slot->probe, now_ns)) {
        *verify->breaker_open = 1;
        log_event(LOG_ERROR, "backend_breaker_open", LOG_S("backend", verify->backend->impl->name),
                  LOG_U("failures", verify->breaker.failures_max),
                  LOG_U("probe_in_ms", (verify->breaker.probe_at_ns - now_ns) / CLOCK_NS_PER_MS));
    }
}

// ---- the life of a request

static void finish(struct slot *slot, enum ending ending, const struct auth_attributes *attributes)
{
    static const struct auth_attributes none;
    struct auth_verify *verify = slot->verify;
    uint64_t owner = slot->owner;
    histogram_add(verify->duration, loop_now_ns(verify->loop) - slot->started_ns);
    ++*verify->endings[ending];
    if (ending == ENDING_ERROR || ending == ENDING_DEADLINE) {
        log_peer(LOG_WARN, "verification_unanswered", LOG_S("backend", verify->backend->impl->name),
                 LOG_U("conn", slot->conn), LOG_S("remote", slot->remote),
                 LOG_S("why", ending_names[ending]));
    }
    remove_slot(verify, slot);
    verify->outcome(verify->user, owner,
                    ending == ENDING_ADMITTED ? AUTH_ADMITTED
                    : ending == ENDING_DENIED ? AUTH_DENIED
                                              : AUTH_UNAVAILABLE,
                    attributes ? attributes : &none);
}

static bool begin(struct slot *slot, enum ending *failure);

// Gives free places at the backend to those who wait, oldest first.
static void promote(struct auth_verify *verify)
{
    while (verify->first_waiting != NONE && verify->at_backend < verify->at_backend_max) {
        struct slot *slot = &verify->slots[verify->first_waiting];
        enum ending failure;
        verify->first_waiting = slot->next;
        if (!begin(slot, &failure)) {
            finish(slot, failure, NULL);
        }
    }
}

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct slot *slot = context;
    struct auth_verify *verify = slot->verify;
    assert(slot->call);
    slot->call = NULL;
    verify->at_backend--;
    if (verdict == AUTH_ERROR) {
        note_failure(slot);
    } else {
        note_answer(verify);
    }
    finish(slot,
           verdict == AUTH_YES  ? ENDING_ADMITTED
           : verdict == AUTH_NO ? ENDING_DENIED
                                : ENDING_ERROR,
           attributes);
    promote(verify);
}

static bool begin(struct slot *slot, enum ending *failure)
{
    struct auth_verify *verify = slot->verify;
    if (!auth_breaker_ask(&verify->breaker, loop_now_ns(verify->loop), &slot->probe)) {
        *failure = ENDING_BREAKER;
        return false;
    }
    struct auth_mapped_header headers[LIMIT_MAPPED_HEADERS];
    for (unsigned i = 0; i < slot->header_count; i++) {
        headers[i] = (struct auth_mapped_header){slot->headers[i].name, slot->headers[i].value};
    }
    struct auth_verify_request request = {
        .conn = slot->conn,
        .token = &slot->token,
        .session = slot->session,
        .transport = slot->transport,
        .remote = slot->remote,
        .client = slot->client,
        .local = slot->local,
        .origin = slot->origin,
        .user_agent = slot->user_agent,
        .headers = headers,
        .header_count = slot->header_count,
    };
    slot->call = verify->backend->impl->verify(verify->backend, &request, on_verdict, slot);
    if (!slot->call) {
        note_failure(slot);
        *failure = ENDING_ERROR;
        return false;
    }
    verify->at_backend++;
    return true;
}

static void withdraw(struct slot *slot)
{
    struct auth_verify *verify = slot->verify;
    if (slot->call) {
        verify->backend->impl->cancel(verify->backend, slot->call);
        slot->call = NULL;
        verify->at_backend--;
    }
}

static void on_deadline(void *context)
{
    struct auth_verify *verify = context;
    uint64_t now_ns = loop_now_ns(verify->loop);
    while (verify->first != NONE &&
           verify->slots[verify->first].started_ns + verify->deadline_ns <= now_ns) {
        struct slot *slot = &verify->slots[verify->first];
        if (slot->call) { // one that waited in vain says nothing of the backend
            note_failure(slot);
        }
        withdraw(slot);
        finish(slot, ENDING_DEADLINE, NULL);
    }
    promote(verify);
}

enum auth_start auth_verify_start(struct auth_verify *verify, uint64_t owner,
                                  const struct auth_verify_request *request)
{
    const struct auth_backend_impl *impl = verify->backend->impl;
    assert(*find(verify, owner) == NONE);
    if (impl->could_know && !impl->could_know(verify->backend, request->token->player_id)) {
        ++*verify->endings[ENDING_FOREIGN];
        return AUTH_FOREIGN;
    }
    if (verify->first_free == NONE) {
        ++*verify->endings[ENDING_NO_PLACE];
        return AUTH_NOT_STARTED;
    }
    struct slot *slot = add_slot(verify, owner, request);
    // Nobody overtakes those who wait, not even when a place is just becoming free.
    if (verify->first_waiting != NONE || verify->at_backend == verify->at_backend_max) {
        if (verify->first_waiting == NONE) {
            verify->first_waiting = (uint32_t)(slot - verify->slots);
        }
        return AUTH_STARTED;
    }
    enum ending failure;
    if (!begin(slot, &failure)) {
        ++*verify->endings[failure];
        remove_slot(verify, slot);
        return AUTH_NOT_STARTED;
    }
    return AUTH_STARTED;
}

void auth_verify_cancel(struct auth_verify *verify, uint64_t owner)
{
    uint32_t index = *find(verify, owner);
    if (index == NONE) {
        return;
    }
    struct slot *slot = &verify->slots[index];
    withdraw(slot);
    auth_breaker_withdrawn(&verify->breaker, slot->probe);
    ++*verify->endings[ENDING_CANCELLED];
    remove_slot(verify, slot);
    promote(verify);
}

unsigned auth_verify_in_flight(const struct auth_verify *verify)
{
    return verify->count;
}

bool auth_verify_breaker_open(const struct auth_verify *verify)
{
    return verify->breaker.open;
}

// ---- creation

static void count_in(struct auth_verify *verify, struct counters *counters)
{
    for (unsigned i = 0; i < ENDING_COUNT; i++) {
        verify->endings[i] = counter_cell(counters, COUNTER_TOTAL, "paddock_verifications",
                                          "players' tokens, by what came of asking the backend",
                                          "outcome", ending_names[i]);
    }
    verify->in_flight =
        counter_cell(counters, COUNTER_GAUGE, "paddock_verifications_in_flight",
                     "verifications at the backend or waiting for a place there", NULL, NULL);
    verify->breaker_open = counter_cell(
        counters, COUNTER_GAUGE, "paddock_backend_breaker_open",
        "1 while nobody is verified because the backend has failed too often", NULL, NULL);
    verify->duration = histogram_cell(counters, "paddock_verification_seconds",
                                      "from a player's token to its outcome, waiting included");
}

struct auth_verify *auth_verify_create(struct loop *loop, struct auth_backend *backend,
                                       const struct config *config, struct counters *counters,
                                       uint64_t seed, auth_verify_outcome *outcome, void *user)
{
    uint32_t slot_count = (uint32_t)(config->verify_max + config->verify_queue_max);
    uint32_t bucket_count = 1;
    while (bucket_count < slot_count) {
        bucket_count *= 2;
    }
    struct auth_verify *verify = calloc(1, sizeof(*verify));
    struct slot *slots = calloc(slot_count, sizeof(*slots));
    uint32_t *buckets = calloc(bucket_count, sizeof(*buckets));
    if (!verify || !slots || !buckets) {
        free(buckets);
        free(slots);
        free(verify);
        return NULL;
    }
    *verify = (struct auth_verify){
        .loop = loop,
        .backend = backend,
        .outcome = outcome,
        .user = user,
        .deadline_ns = (uint64_t)config->verify_ms * CLOCK_NS_PER_MS,
        .at_backend_max = (unsigned)config->verify_max,
        .first = NONE,
        .last = NONE,
        .first_waiting = NONE,
        .first_free = 0,
        .bucket_mask = bucket_count - 1,
        .buckets = buckets,
        .slots = slots,
    };
    for (uint32_t i = 0; i < slot_count; i++) {
        slots[i].verify = verify;
        slots[i].next = i + 1 < slot_count ? i + 1 : NONE;
    }
    for (uint32_t i = 0; i < bucket_count; i++) {
        buckets[i] = NONE;
    }
    auth_breaker_init(&verify->breaker, (unsigned)config->breaker_failures,
                      (uint64_t)config->breaker_probe_ms * CLOCK_NS_PER_MS,
                      (uint64_t)config->breaker_probe_max_ms * CLOCK_NS_PER_MS, seed);
    loop_timer_init(&verify->timer, on_deadline, verify);
    count_in(verify, counters);
    return verify;
}

void auth_verify_destroy(struct auth_verify *verify)
{
    if (!verify) {
        return;
    }
    while (verify->first != NONE) {
        struct slot *slot = &verify->slots[verify->first];
        withdraw(slot);
        remove_slot(verify, slot);
    }
    free(verify->buckets);
    free(verify->slots);
    free(verify);
}
