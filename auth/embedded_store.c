// SPDX-License-Identifier: MIT
// The SQL of the embedded backend. A result is taken apart by SQLite's own JSON functions into rows
// whose rules are the validation: what breaks them is refused, and nothing of it is stored.

#include "auth/embedded_store.h"

#include <string.h>

#include "auth/crypto.h"

#define TOKEN_RANDOM_BYTES 32

// {"unisavePlayerId":"","fusionPlayerToken":""} takes 45 bytes and the token 44.
#define ID_BYTES_MAX (LIMIT_TOKEN_BYTES - 45 - (AUTH_CRYPTO_BASE64_BYTES(TOKEN_RANDOM_BYTES) - 1))
#define ID_FITS      "ids of up to %d bytes fit ('/', '\"' and '\\' count twice)"

enum {
    SQL_ISSUE,
    SQL_FIND_PLAYER,
    SQL_CHECK_RESULT,
    SQL_ADD_RESULT,
    SQL_ADD_STANDINGS,
    SQL_RESULTS_JSON,
    SQL_RESULTS,
    SQL_STANDINGS,
    SQL_TOTALS,
};

#define NOW "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

static const char *const statements[] = {
    [SQL_ISSUE] = "INSERT INTO players(player_id, token_sha256) VALUES (?1, ?2)"
                  " ON CONFLICT(player_id) DO UPDATE SET token_sha256 = ?2, issued = " NOW,
    [SQL_FIND_PLAYER] = "SELECT token_sha256 FROM players WHERE player_id = ?1",
    [SQL_CHECK_RESULT] = "SELECT json_valid(?1) AND json_type(?1, '$.race_id') = 'text'"
                         " AND json_extract(?1, '$.race_id') = ?2"
                         " AND json_type(?1, '$.standings') = 'array'",
    [SQL_ADD_RESULT] =
        "INSERT INTO results(race_id, session, track, body) SELECT ?2,"
        " json_extract(?1, '$.session'), json_extract(?1, '$.track'), ?1 WHERE true"
        " ON CONFLICT(race_id) DO UPDATE SET deliveries = deliveries + 1 RETURNING deliveries",
    [SQL_ADD_STANDINGS] =
        "INSERT INTO standings(race_id, place, player_id, time_ms, dnf) SELECT ?2,"
        " json_extract(value, '$.place'), json_extract(value, '$.player_id'),"
        " json_extract(value, '$.time_ms'), json_extract(value, '$.dnf')"
        " FROM json_each(?1, '$.standings')",
    [SQL_RESULTS_JSON] =
        "SELECT json_object('race_id', race_id, 'session', session, 'track', track, 'winner',"
        " (SELECT player_id FROM standings s WHERE s.race_id = r.race_id AND dnf IS NULL"
        "  ORDER BY place LIMIT 1),"
        " 'deliveries', deliveries, 'standings',"
        " (SELECT json_group_array(json_object('place', place, 'player_id', player_id,"
        "  'time_ms', time_ms, 'dnf', dnf)) FROM"
        "  (SELECT * FROM standings s WHERE s.race_id = r.race_id ORDER BY place))),"
        " (SELECT count(*) FROM results)"
        " FROM results r ORDER BY id",
    [SQL_RESULTS] = "SELECT race_id, session, track, received, deliveries FROM results ORDER BY id",
    [SQL_STANDINGS] = "SELECT place, player_id, CASE WHEN dnf IS NULL THEN"
                      " format('%d:%06.3f', time_ms / 60000, time_ms % 60000 / 1000.0)"
                      " ELSE 'DNF, ' || dnf END FROM standings WHERE race_id = ?1 ORDER BY place",
    [SQL_TOTALS] = "SELECT (SELECT count(*) FROM players), (SELECT count(*) FROM results)",
};

static const struct auth_db_layout layout = {
    .title = "embedded backend",
    .setting = "embedded-db",
    .application_id = 0x50644b50, // "PdKP"
    .version = 1,
    .schema = "CREATE TABLE players("
              " player_id TEXT PRIMARY KEY, token_sha256 BLOB NOT NULL,"
              " issued TEXT NOT NULL DEFAULT (" NOW ")) STRICT, WITHOUT ROWID;"
              "CREATE TABLE results("
              " id INTEGER PRIMARY KEY, race_id TEXT NOT NULL UNIQUE, session TEXT NOT NULL,"
              " track TEXT NOT NULL, body TEXT NOT NULL,"
              " received TEXT NOT NULL DEFAULT (" NOW "),"
              " deliveries INTEGER NOT NULL DEFAULT 1) STRICT;"
              "CREATE TABLE standings("
              " race_id TEXT NOT NULL REFERENCES results(race_id),"
              " place INTEGER NOT NULL CHECK (place > 0), player_id TEXT NOT NULL,"
              " time_ms INTEGER CHECK (time_ms >= 0), dnf TEXT,"
              " CHECK ((time_ms IS NULL) <> (dnf IS NULL)),"
              " PRIMARY KEY (race_id, place)) STRICT, WITHOUT ROWID",
    .statements = statements,
    .statement_count = BASE_COUNT(statements),
};

struct auth_db *auth_embedded_store_open(const char *path, enum auth_db_open how,
                                         struct error *error)
{
    return auth_db_open(path, how, &layout, error);
}

// ---- serving

enum auth_verdict auth_embedded_store_verify(struct auth_db *db, const struct auth_token *token)
{
    // An unknown player costs what a wrong token costs and looks the same: his token is compared
    // with one that nobody has.
    uint8_t expected[AUTH_CRYPTO_SHA256_BYTES] = {0};
    uint8_t given[AUTH_CRYPTO_SHA256_BYTES];
    bool known = false;
    if (!auth_db_is_in_place(db)) { // tokens are issued in another file by now
        return AUTH_ERROR;
    }
    auth_crypto_sha256(bytes_of_string(token->player_token), given);
    auth_db_bind_text(db, SQL_FIND_PLAYER, 0, token->player_id);
    enum auth_db_step step = auth_db_step(db, SQL_FIND_PLAYER);
    if (step == AUTH_DB_ROW) {
        struct bytes_span stored = auth_db_blob(db, SQL_FIND_PLAYER, 0);
        known = stored.size == sizeof(expected);
        memcpy(expected, stored.data, known ? sizeof(expected) : 0);
        auth_db_reset(db, SQL_FIND_PLAYER);
    } else if (step != AUTH_DB_DONE) {
        return AUTH_ERROR;
    }
    bool equal = auth_crypto_equal(expected, given, sizeof(expected));
    return known && equal ? AUTH_YES : AUTH_NO;
}

// For the statements that get (body, race id).
static enum auth_db_step run_with_result(struct auth_db *db, unsigned statement, const char *body,
                                         const char *race_id)
{
    auth_db_bind_text(db, statement, 0, body);
    auth_db_bind_text(db, statement, 1, race_id);
    return auth_db_step(db, statement);
}

static enum auth_db_step store_in_transaction(struct auth_db *db, const char *race_id,
                                              const char *body, struct error *error)
{
    enum auth_db_step step = run_with_result(db, SQL_CHECK_RESULT, body, race_id);
    if (step == AUTH_DB_ROW) {
        bool valid = auth_db_int(db, SQL_CHECK_RESULT, 0);
        auth_db_reset(db, SQL_CHECK_RESULT);
        if (!valid) {
            error_set(error, "not the JSON of a race result with this id");
            return AUTH_DB_REFUSED;
        }
        step = run_with_result(db, SQL_ADD_RESULT, body, race_id);
    }
    if (step == AUTH_DB_ROW) {
        bool first_time = auth_db_int(db, SQL_ADD_RESULT, 0) == 1;
        step = auth_db_step(db, SQL_ADD_RESULT); // to its end: before that nothing is stored
        if (step == AUTH_DB_DONE && first_time) {
            step = run_with_result(db, SQL_ADD_STANDINGS, body, race_id);
        }
    }
    return step;
}

enum auth_delivery auth_embedded_store_result(struct auth_db *db, const char *race_id,
                                              const char *body, struct error *error)
{
    bool can_store = auth_db_is_in_place(db) && auth_db_begin(db);
    enum auth_db_step step =
        can_store ? store_in_transaction(db, race_id, body, error) : AUTH_DB_FAILED;
    if (step == AUTH_DB_DONE && auth_db_commit(db)) {
        return AUTH_DELIVERED;
    }
    if (!error->text[0]) {
        error_set(error, "%s", auth_db_reason(db));
    }
    auth_db_rollback(db);
    return step == AUTH_DB_REFUSED ? AUTH_REFUSED : AUTH_RETRY;
}

// ---- issuing

// A '/' costs two bytes in the token's JSON. Tokens with one are drawn again (every second one is,
// which costs one bit of 256), so that whether an id fits does not depend on luck.
static bool draw_token(char text[AUTH_CRYPTO_BASE64_BYTES(TOKEN_RANDOM_BYTES)])
{
    uint8_t random[TOKEN_RANDOM_BYTES];
    do {
        if (!auth_crypto_random(random, sizeof(random))) {
            return false;
        }
        auth_crypto_base64(bytes_of(random, sizeof(random)), text);
    } while (strchr(text, '/'));
    secret_wipe(random, sizeof(random));
    return true;
}

static bool make_token(const char *player_id, struct auth_token *token, struct error *error)
{
    if (strlen(player_id) >= sizeof(token->player_id)) {
        return error_set(error, "player id is too long: " ID_FITS, ID_BYTES_MAX);
    }
    snprintf(token->player_id, sizeof(token->player_id), "%s", player_id);
    if (!draw_token(token->player_token)) {
        return error_set(error, "the kernel gives no random bytes");
    }
    enum auth_token_error reason = auth_token_check(token);
    return reason == AUTH_TOKEN_OK ||
           error_set(error, "not a player id: %s", auth_token_error_name(reason));
}

static bool issue(struct auth_db *db, const struct auth_token *token, struct bytes_buf *token_json,
                  struct error *error)
{
    size_t size_before = token_json->size;
    if (!auth_token_encode(token, token_json)) {
        return error_set(error, "player id %s is too long: " ID_FITS, token->player_id,
                         ID_BYTES_MAX);
    }
    uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
    auth_crypto_sha256(bytes_of_string(token->player_token), digest);
    auth_db_bind_text(db, SQL_ISSUE, 0, token->player_id);
    auth_db_bind_blob(db, SQL_ISSUE, 1, bytes_of(digest, sizeof(digest)));
    if (auth_db_run(db, SQL_ISSUE) != AUTH_DB_DONE) {
        token_json->size = size_before;
        return error_set(error, "%s: %s", layout.title, auth_db_reason(db));
    }
    return true;
}

bool auth_embedded_store_issue(struct auth_db *db, const char *player_id,
                               struct bytes_buf *token_json, struct error *error)
{
    struct auth_token token;
    bool ok = make_token(player_id, &token, error) && issue(db, &token, token_json, error);
    auth_token_wipe(&token);
    return ok;
}

bool auth_embedded_store_count(struct auth_db *db, struct auth_embedded_totals *totals,
                               struct error *error)
{
    if (auth_db_step(db, SQL_TOTALS) != AUTH_DB_ROW) {
        return error_set(error, "%s: %s", layout.title, auth_db_reason(db));
    }
    totals->players = auth_db_int(db, SQL_TOTALS, 0);
    totals->results = auth_db_int(db, SQL_TOTALS, 1);
    auth_db_reset(db, SQL_TOTALS);
    return true;
}

// ---- printing

// One open statement is one snapshot of the file and holds up no writer, not even when `out` is a
// pipe that nobody reads.
static bool print_json(struct auth_db *db, FILE *out)
{
    enum auth_db_step step = auth_db_step(db, SQL_RESULTS_JSON);
    long long count = step == AUTH_DB_ROW ? auth_db_int(db, SQL_RESULTS_JSON, 1) : 0;
    fprintf(out, "{\"results_stored\":%lld,\"races\":[", count);
    for (const char *separator = "\n"; step == AUTH_DB_ROW; separator = ",\n") {
        fprintf(out, "%s%s", separator, auth_db_text(db, SQL_RESULTS_JSON, 0));
        step = auth_db_step(db, SQL_RESULTS_JSON);
    }
    fprintf(out, "]}\n");
    return step == AUTH_DB_DONE;
}

static bool print_standings(struct auth_db *db, FILE *out, const char *race_id)
{
    enum auth_db_step step;
    auth_db_bind_text(db, SQL_STANDINGS, 0, race_id);
    while ((step = auth_db_step(db, SQL_STANDINGS)) == AUTH_DB_ROW) {
        fprintf(out, "  %2lld  %-32s  %s\n", (long long)auth_db_int(db, SQL_STANDINGS, 0),
                auth_db_text(db, SQL_STANDINGS, 1), auth_db_text(db, SQL_STANDINGS, 2));
    }
    return step == AUTH_DB_DONE;
}

static bool print_text(struct auth_db *db, FILE *out)
{
    unsigned count = 0;
    enum auth_db_step step;
    while ((step = auth_db_step(db, SQL_RESULTS)) == AUTH_DB_ROW) {
        const char *race_id = auth_db_text(db, SQL_RESULTS, 0);
        fprintf(out, "race %s  session %s  track %s  received %s  deliveries %lld\n", race_id,
                auth_db_text(db, SQL_RESULTS, 1), auth_db_text(db, SQL_RESULTS, 2),
                auth_db_text(db, SQL_RESULTS, 3), (long long)auth_db_int(db, SQL_RESULTS, 4));
        if (!print_standings(db, out, race_id)) {
            auth_db_reset(db, SQL_RESULTS);
            return false;
        }
        count++;
    }
    fprintf(out, "%u result%s stored\n", count, count == 1 ? "" : "s");
    return step == AUTH_DB_DONE;
}

bool auth_embedded_store_print(struct auth_db *db, FILE *out, bool json, struct error *error)
{
    bool ok = json ? print_json(db, out) : print_text(db, out);
    return ok || error_set(error, "%s: %s", layout.title, auth_db_reason(db));
}
