// SPDX-License-Identifier: MIT
// Whoever has the key can read what was said under it over TLS 1.2. A bad one would seal tickets as
// well as a good one, so nothing but this here would tell.

#include "net/tls_ticket_key.h"

#include <assert.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/tls_file.h"

bool net_tls_ticket_key_make(uint8_t key[NET_TLS_TICKET_KEY_BYTES])
{
    gnutls_datum_t made = {0};
    if (gnutls_session_ticket_key_generate(&made) != 0) {
        return false;
    }
    assert(made.size == NET_TLS_TICKET_KEY_BYTES);
    memcpy(key, made.data, made.size);
    gnutls_memset(made.data, 0, made.size);
    gnutls_free(made.data);
    return true;
}

static bool is_private(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_uid == geteuid() || status.st_uid == 0) &&
        (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
        return true;
    }
    return error_set(error,
                     "cannot use %s: nobody else may read or write it; chmod 600, and chown it to "
                     "the server's user (uid %u)",
                     path, (unsigned)geteuid());
}

static bool is_key(const char *path, struct bytes_span bytes, struct error *error)
{
    static const uint8_t zeroes[NET_TLS_TICKET_KEY_BYTES];
    return (bytes.size == sizeof(zeroes) &&
            !bytes_equal(bytes, bytes_of(zeroes, sizeof(zeroes)))) ||
           error_set(error, "cannot use %s: it must be %d random bytes; openssl rand -out FILE %d",
                     path, NET_TLS_TICKET_KEY_BYTES, NET_TLS_TICKET_KEY_BYTES);
}

bool net_tls_ticket_key_read(const char *path, uint8_t key[NET_TLS_TICKET_KEY_BYTES],
                             struct error *error)
{
    struct bytes_buf data;
    if (!net_tls_read_file(path, &data, error)) {
        return false;
    }
    struct bytes_span bytes = bytes_buf_span(&data);
    bool good = is_private(path, error) && is_key(path, bytes, error);
    if (good) {
        memcpy(key, bytes.data, bytes.size);
    }
    net_tls_wipe(&data);
    return good;
}
