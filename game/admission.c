// SPDX-License-Identifier: MIT
// The table and its handlers.

#include "game/admission.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "game/tick.h"

struct member {
    enum game_admission_state state;
    struct net_conn_id conn;
    struct game_session_id session; // where a seat is promised (VERIFYING) or taken (ADMITTED)
    unsigned slot;                  // ADMITTED
    char wanted[LIMIT_SESSION_NAME_BYTES + 1];
    char player_id[LIMIT_PLAYER_ID_BYTES + 1];
};

struct game_admission {
    struct game_admission_env env;
    unsigned capacity;
    struct member *members; // by connection index
    unsigned counts[GAME_ADMISSION_STATES];
    uint64_t *token_errors[AUTH_TOKEN_ERRORS];
};

enum event {
    EVENT_HELLO,
    EVENT_INPUT,
    EVENT_PING,
    EVENT_BYE,
    EVENT_VERIFIED,
    EVENT_CLOSED,
    EVENTS,
};

// What a message of a player leads to, one after the other.
enum fetch_step {
    FETCH_MEMBER,
    FETCH_SESSION,
    FETCH_SEAT,
    FETCH_STEPS,
};

_Static_assert(FETCH_STEPS == NET_CONN_FETCH_STEPS, "as many as there are");

struct verdict {
    enum auth_outcome outcome;
    const struct auth_attributes *attributes;
};

// What comes with an event: msg for messages, verdict for EVENT_VERIFIED, code for EVENT_CLOSED.
union event_data {
    const struct net_msg *msg;
    const struct verdict *verdict;
    uint16_t code;
};

typedef void handler(struct game_admission *admission, struct member *member,
                     union event_data data);

static void set_state(struct game_admission *admission, struct member *member,
                      enum game_admission_state state)
{
    admission->counts[member->state]--;
    member->state = state;
    admission->counts[state]++;
}

static void kick(struct game_admission *admission, struct member *member, uint16_t code)
{
    net_conn_close(admission->env.conns, member->conn, code);
}

// ---- hello

static bool token_may_travel(struct game_admission *admission, const struct net_conn_info *info)
{
    if (info->confidential || admission->env.config->allow_plaintext) {
        return true;
    }
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&info->remote, remote);
    log_peer(LOG_WARN, "plaintext_token_refused", LOG_U("conn", info->number),
             LOG_S("remote", remote), LOG_S("transport", info->transport),
             LOG_S("mend", "use dtls://, tls:// or wss:// for players, or --allow-plaintext"));
    return false;
}

static bool copy_text(struct bytes_span from, char *to, size_t size)
{
    if (from.size >= size || (from.size > 0 && memchr(from.data, 0, from.size))) {
        return false;
    }
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
    to[from.size] = '\0';
    return true;
}

// Promises a seat before the backend is asked, so that a yes can be kept. A player who already sits
// in the wanted session needs no second one.
static uint16_t promise_seat(struct game_admission *admission, struct member *member)
{
    struct game_sessions *sessions = admission->env.sessions;
    unsigned slot;
    struct game_session *seated = game_sessions_find_player(sessions, member->player_id, &slot);
    if (seated && (!member->wanted[0] || strcmp(seated->name, member->wanted) == 0)) {
        return 0;
    }
    uint16_t code = NET_CLOSE_OVERLOADED;
    struct game_session *session =
        game_sessions_find_room(sessions, member->wanted, admission->env.tick->next - 1, &code);
    if (!session) {
        return code;
    }
    session->reserved++;
    member->session = session->id;
    return 0;
}

static void give_back_promise(struct game_admission *admission, struct member *member)
{
    struct game_sessions *sessions = admission->env.sessions;
    struct game_session *session = game_sessions_get(sessions, member->session);
    if (session) {
        game_sessions_give_back(sessions, session);
    }
    member->session = GAME_SESSION_NONE;
}

// The session in which the promise can be kept now, or NULL when it has ended meanwhile.
static struct game_session *redeem_promise(struct game_admission *admission, struct member *member)
{
    struct game_session *session = game_sessions_get(admission->env.sessions, member->session);
    if (session) {
        assert(session->reserved > 0);
        session->reserved--;
    }
    member->session = GAME_SESSION_NONE;
    return session;
}

// Whoever came without a WebSocket, or through no proxy, has said nothing.
static void introduce(struct auth_verify_request *request, const struct net_caller *caller,
                      struct auth_mapped_header headers[LIMIT_MAPPED_HEADERS])
{
    if (!caller) {
        return;
    }
    request->origin = caller->origin;
    request->user_agent = caller->user_agent;
    request->headers = headers;
    for (unsigned i = 0; i < caller->header_count; i++) {
        headers[i] = (struct auth_mapped_header){caller->headers[i].name, caller->headers[i].value};
    }
    request->header_count = caller->header_count;
}

static void start_verification(struct game_admission *admission, struct member *member,
                               const struct net_conn_info *info, const struct auth_token *token,
                               const char *client)
{
    char remote[NET_ADDR_TEXT_BYTES];
    char local[NET_ADDR_TEXT_BYTES];
    char fingerprint[9];
    auth_token_fingerprint(bytes_of_string(token->player_token), fingerprint);
    net_addr_format(&info->remote, remote);
    net_addr_format(&info->local, local);
    struct auth_verify_request request = {
        .conn = info->number,
        .token = token,
        .session = member->wanted,
        .transport = info->transport,
        .remote = remote,
        .client = client,
        .local = local,
    };
    struct auth_mapped_header headers[LIMIT_MAPPED_HEADERS];
    introduce(&request, info->caller, headers);
    log_peer(LOG_DEBUG, "player_joined", LOG_U("conn", info->number),
             LOG_S("player", member->player_id), LOG_S("token", fingerprint),
             LOG_S("transport", info->transport), LOG_S("remote", remote), LOG_S("client", client));
    set_state(admission, member, GAME_ADMISSION_VERIFYING);
    net_conn_set_state(admission->env.conns, member->conn, NET_STATE_WAIT);
    switch (auth_verify_start(admission->env.verify, net_conn_id_key(member->conn), &request)) {
    case AUTH_STARTED:
        break;
    case AUTH_NOT_STARTED:
        kick(admission, member, NET_CLOSE_BACKEND_DOWN);
        break;
    case AUTH_FOREIGN:
        kick(admission, member, NET_CLOSE_AUTH_DENIED);
        break;
    }
}

// A page may have it in a cookie, which no script needs to read.
static struct bytes_span token_of(const struct net_msg_hello *hello,
                                  const struct net_conn_info *info)
{
    return hello->token.size == 0 && info->caller
               ? bytes_of(info->caller->token, info->caller->token_size)
               : hello->token;
}

static void on_hello(struct game_admission *admission, struct member *member, union event_data data)
{
    const struct net_msg_hello *hello = &data.msg->hello;
    struct net_conn_info info;
    char client[65];
    if (!net_conn_info(admission->env.conns, member->conn, &info)) {
        return;
    }
    if (hello->version != NET_PROTOCOL_VERSION) {
        kick(admission, member, NET_CLOSE_VERSION);
        return;
    }
    if (!token_may_travel(admission, &info)) {
        kick(admission, member, NET_CLOSE_POLICY);
        return;
    }
    struct auth_token token;
    enum auth_token_error bad = auth_token_decode(token_of(hello, &info), &token);
    if (bad != AUTH_TOKEN_OK) {
        *admission->token_errors[bad] += 1;
        char remote[NET_ADDR_TEXT_BYTES];
        net_addr_format(&info.remote, remote);
        log_peer(LOG_INFO, "token_refused", LOG_U("conn", info.number), LOG_S("remote", remote),
                 LOG_S("reason", auth_token_error_name(bad)));
        kick(admission, member, NET_CLOSE_TOKEN_MALFORMED);
        return;
    }
    if (!copy_text(hello->session, member->wanted, sizeof(member->wanted)) ||
        !copy_text(hello->client, client, sizeof(client))) {
        auth_token_wipe(&token);
        kick(admission, member, NET_CLOSE_BAD_DATA);
        return;
    }
    memcpy(member->player_id, token.player_id, sizeof(member->player_id));
    uint16_t full = promise_seat(admission, member);
    if (full != 0) {
        kick(admission, member, full);
    } else {
        start_verification(admission, member, &info, &token, client);
    }
    auth_token_wipe(&token);
}

// ---- the backend's answer

// The player has a seat somewhere. True when that settles it: he is in again, or is kicked.
static bool settle_existing(struct game_admission *admission, struct member *member,
                            const struct auth_attributes *attributes)
{
    const struct game_admission_env *env = &admission->env;
    unsigned slot;
    struct game_session *seated =
        game_sessions_find_player(env->sessions, member->player_id, &slot);
    if (!seated) {
        return false;
    }
    struct net_conn_id old = seated->seats[slot].conn;
    if (old.generation != 0 && env->config->duplicate_player == CONFIG_DUPLICATE_REFUSE) {
        kick(admission, member, NET_CLOSE_DUPLICATE);
        return true;
    }
    bool same_session = !member->wanted[0] || strcmp(seated->name, member->wanted) == 0;
    if (!same_session) {
        game_session_leave(seated, slot);
        net_conn_close(env->conns, old, NET_CLOSE_REPLACED);
        return false;
    }
    give_back_promise(admission, member);
    seated->seats[slot].conn = NET_CONN_NONE; // the old connection's end is not a drop
    net_conn_close(env->conns, old, NET_CLOSE_REPLACED);
    member->session = seated->id;
    member->slot = slot;
    set_state(admission, member, GAME_ADMISSION_ADMITTED);
    net_conn_set_state(env->conns, member->conn, NET_STATE_PLAY);
    game_session_resume(seated, slot, member->conn, attributes);
    return true;
}

static void take_seat(struct game_admission *admission, struct member *member,
                      const struct auth_attributes *attributes)
{
    const struct game_admission_env *env = &admission->env;
    struct game_session *session = redeem_promise(admission, member);
    if (!session) {
        // The promised session ended meanwhile, or the seat that was to be taken back is gone.
        uint16_t code = NET_CLOSE_OVERLOADED;
        session =
            game_sessions_find_room(env->sessions, member->wanted, env->tick->next - 1, &code);
        if (!session) {
            kick(admission, member, code);
            return;
        }
    }
    member->session = session->id;
    set_state(admission, member, GAME_ADMISSION_ADMITTED);
    net_conn_set_state(env->conns, member->conn, NET_STATE_PLAY);
    member->slot = game_session_seat(session, member->conn, member->player_id, attributes);
}

static void on_verified(struct game_admission *admission, struct member *member,
                        union event_data data)
{
    if (data.verdict->outcome == AUTH_DENIED) {
        kick(admission, member, NET_CLOSE_AUTH_DENIED);
    } else if (data.verdict->outcome == AUTH_UNAVAILABLE) {
        kick(admission, member, NET_CLOSE_BACKEND_DOWN);
    } else if (!settle_existing(admission, member, data.verdict->attributes)) {
        take_seat(admission, member, data.verdict->attributes);
    }
    if (member->state == GAME_ADMISSION_ADMITTED) {
        struct net_conn_info info = {0};
        char remote[NET_ADDR_TEXT_BYTES];
        (void)net_conn_info(admission->env.conns, member->conn, &info);
        net_addr_format(&info.remote, remote);
        log_event(LOG_INFO, "player_admitted", LOG_U("conn", info.number),
                  LOG_S("player", member->player_id), LOG_S("remote", remote),
                  LOG_S("transport", info.transport), LOG_U("slot", member->slot));
    }
}

// ---- admitted players

static struct game_session *session_of(struct game_admission *admission, struct member *member)
{
    struct game_session *session = game_sessions_get(admission->env.sessions, member->session);
    assert(session); // closing a session closes its connections, which empties the member
    return session;
}

static void on_input(struct game_admission *admission, struct member *member, union event_data data)
{
    game_session_input(session_of(admission, member), member->slot, &data.msg->input);
}

static void on_ping(struct game_admission *admission, struct member *member, union event_data data)
{
    struct net_msg pong = {
        .type = NET_MSG_PONG,
        .pong = {.stamp = data.msg->ping.stamp, .tick = admission->env.tick->next - 1},
    };
    net_conn_send_msg(admission->env.conns, member->conn, &pong, NET_UNRELIABLE);
}

static void on_bye(struct game_admission *admission, struct member *member, union event_data data)
{
    (void)data;
    if (member->state == GAME_ADMISSION_ADMITTED) {
        game_session_leave(session_of(admission, member), member->slot);
    }
    kick(admission, member, NET_CLOSE_NORMAL);
}

// ---- the end of a connection

static void on_closed_early(struct game_admission *admission, struct member *member,
                            union event_data data)
{
    (void)data;
    set_state(admission, member, GAME_ADMISSION_NONE);
}

static void on_closed_verifying(struct game_admission *admission, struct member *member,
                                union event_data data)
{
    (void)data;
    auth_verify_cancel(admission->env.verify, net_conn_id_key(member->conn));
    give_back_promise(admission, member);
    set_state(admission, member, GAME_ADMISSION_NONE);
}

// A server that shuts down and a session that is over kick nobody.
static bool was_kicked(const struct net_conn_info *info, uint16_t code)
{
    return info->ended_by_us && code != NET_CLOSE_NORMAL && code != NET_CLOSE_GOING_AWAY &&
           code != NET_CLOSE_SESSION_OVER;
}

static void notify_backend(struct game_admission *admission, const struct member *member,
                           const struct game_session *session, uint16_t code)
{
    struct auth_backend *backend = admission->env.backend;
    struct net_conn_info info = {.transport = ""};
    char remote[NET_ADDR_TEXT_BYTES];
    if (!backend->impl->notify) {
        return;
    }
    (void)net_conn_info(admission->env.conns, member->conn, &info);
    net_addr_format(&info.remote, remote);
    struct auth_notice notice = {
        .kicked = was_kicked(&info, code),
        .player_id = member->player_id,
        .session = session ? session->name : "",
        .transport = info.transport,
        .remote = remote,
        .code = code,
        .reason = net_close_name(code),
    };
    backend->impl->notify(backend, &notice);
}

static void on_closed_admitted(struct game_admission *admission, struct member *member,
                               union event_data data)
{
    struct game_session *session = game_sessions_get(admission->env.sessions, member->session);
    notify_backend(admission, member, session, data.code);
    set_state(admission, member, GAME_ADMISSION_NONE);
    if (session) {
        game_session_drop(session, member->slot, member->conn);
    }
}

static handler *const table[GAME_ADMISSION_STATES][EVENTS] = {
    [GAME_ADMISSION_HELLO] =
        {
            [EVENT_HELLO] = on_hello,
            [EVENT_PING] = on_ping,
            [EVENT_BYE] = on_bye,
            [EVENT_CLOSED] = on_closed_early,
        },
    [GAME_ADMISSION_VERIFYING] =
        {
            [EVENT_PING] = on_ping,
            [EVENT_BYE] = on_bye,
            [EVENT_VERIFIED] = on_verified,
            [EVENT_CLOSED] = on_closed_verifying,
        },
    [GAME_ADMISSION_ADMITTED] =
        {
            [EVENT_INPUT] = on_input,
            [EVENT_PING] = on_ping,
            [EVENT_BYE] = on_bye,
            [EVENT_CLOSED] = on_closed_admitted,
        },
};

static void dispatch(struct game_admission *admission, struct member *member, enum event event,
                     union event_data data)
{
    handler *handle = table[member->state][event];
    assert(handle); // net/messages.def lets no other message through in this state
    handle(admission, member, data);
}

// ---- the outside

struct game_admission *game_admission_create(const struct game_admission_env *env,
                                             unsigned capacity)
{
    struct game_admission *admission = calloc(1, sizeof(*admission));
    if (!admission) {
        return NULL;
    }
    admission->env = *env;
    admission->capacity = capacity;
    admission->counts[GAME_ADMISSION_NONE] = capacity;
    admission->members = calloc(capacity, sizeof(*admission->members));
    if (!admission->members) {
        free(admission);
        return NULL;
    }
    for (unsigned i = 1; i < AUTH_TOKEN_ERRORS; i++) {
        admission->token_errors[i] =
            counter_cell(env->counters, COUNTER_TOTAL, "paddock_tokens_refused",
                         "Connection tokens refused before any backend was asked", "reason",
                         auth_token_error_name((enum auth_token_error)i));
    }
    return admission;
}

void game_admission_destroy(struct game_admission *admission)
{
    if (admission) {
        free(admission->members);
        free(admission);
    }
}

void game_admission_opened(struct game_admission *admission, struct net_conn_id conn)
{
    assert(conn.index < admission->capacity);
    struct member *member = &admission->members[conn.index];
    assert(member->state == GAME_ADMISSION_NONE);
    *member = (struct member){.conn = conn};
    set_state(admission, member, GAME_ADMISSION_HELLO);
}

static struct member *find(struct game_admission *admission, struct net_conn_id conn)
{
    if (conn.index >= admission->capacity) {
        return NULL;
    }
    struct member *member = &admission->members[conn.index];
    bool same = member->state != GAME_ADMISSION_NONE && net_conn_id_equal(member->conn, conn);
    return same ? member : NULL;
}

void game_admission_message(struct game_admission *admission, struct net_conn_id conn,
                            const struct net_msg *msg)
{
    static const enum event events[] = {
        [NET_MSG_HELLO] = EVENT_HELLO,
        [NET_MSG_INPUT] = EVENT_INPUT,
        [NET_MSG_PING] = EVENT_PING,
        [NET_MSG_BYE] = EVENT_BYE,
    };
    struct member *member = find(admission, conn);
    assert(member && msg->type < BASE_COUNT(events));
    dispatch(admission, member, events[msg->type], (union event_data){.msg = msg});
}

static void fetch_session(struct game_admission *admission, const struct member *member,
                          unsigned step)
{
    struct game_sessions *sessions = admission->env.sessions;
    const struct game_session *session;
    if (step == FETCH_SESSION) {
        game_sessions_fetch(sessions, member->session);
    } else if ((session = game_sessions_get(sessions, member->session))) {
        game_session_fetch_input(session, member->slot);
    }
}

void game_admission_fetch(struct game_admission *admission, struct net_conn_id conn, unsigned step)
{
    const struct member *member = &admission->members[conn.index];
    assert(conn.index < admission->capacity);
    if (step == FETCH_MEMBER) {
        prefetch(member, offsetof(struct member, wanted));
    } else if (member->state == GAME_ADMISSION_ADMITTED) {
        fetch_session(admission, member, step);
    }
}

void game_admission_closed(struct game_admission *admission, struct net_conn_id conn, uint16_t code)
{
    struct member *member = find(admission, conn);
    assert(member);
    struct net_conn_info info = {0};
    char remote[NET_ADDR_TEXT_BYTES];
    (void)net_conn_info(admission->env.conns, conn, &info);
    net_addr_format(&info.remote, remote);
    if (member->player_id[0]) {
        log_peer(LOG_INFO, "player_left", LOG_U("conn", info.number), LOG_S("remote", remote),
                 LOG_S("player", member->player_id), LOG_U("code", code),
                 LOG_S("reason", net_close_name(code)));
    } else if (was_kicked(&info, code)) { // who came and went is a line of net/conn, for debugging
        log_peer(LOG_INFO, "stranger_kicked", LOG_U("conn", info.number), LOG_S("remote", remote),
                 LOG_U("code", code), LOG_S("reason", net_close_name(code)));
    }
    dispatch(admission, member, EVENT_CLOSED, (union event_data){.code = code});
}

void game_admission_verified(struct game_admission *admission, uint64_t owner,
                             enum auth_outcome outcome, const struct auth_attributes *attributes)
{
    struct net_conn_id conn = {(uint32_t)owner, (uint32_t)(owner >> 32)};
    struct member *member = find(admission, conn);
    assert(member); // a closed connection cancels its request
    struct verdict verdict = {outcome, attributes};
    dispatch(admission, member, EVENT_VERIFIED, (union event_data){.verdict = &verdict});
}

void game_admission_turn_away(struct game_admission *admission, uint16_t code)
{
    for (unsigned i = 0; i < admission->capacity; i++) {
        struct member *member = &admission->members[i];
        if (member->state == GAME_ADMISSION_HELLO || member->state == GAME_ADMISSION_VERIFYING) {
            kick(admission, member, code);
        }
    }
}

unsigned game_admission_count(const struct game_admission *admission,
                              enum game_admission_state state)
{
    return admission->counts[state];
}
