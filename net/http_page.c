// SPDX-License-Identifier: MIT
// The page has one place to fill in and one script. The script's hash is taken from the bytes that
// are sent, so that an edited page needs no second edit.

#include "net/http_page.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#define PLACE        "{{path}}"
#define SCRIPT_BEGIN "<script>"
#define SCRIPT_END   "</script>"
#define HASH_BYTES   32

static struct bytes_span page(void)
{
    return bytes_of(net_http_page_bytes, net_http_page_size);
}

// Where `mark` begins; the page is ours, so it is there.
static size_t find(const char *mark)
{
    const uint8_t *at = memmem(page().data, page().size, mark, strlen(mark));
    assert(at);
    return (size_t)(at - page().data);
}

// As the value of an attribute.
static bool append_escaped(struct bytes_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (!(entity ? bytes_buf_append_text(out, entity)
                     : bytes_buf_append_u8(out, (uint8_t)*text))) {
            return false;
        }
    }
    return true;
}

static bool append_script_hash(struct bytes_buf *out)
{
    size_t begin = find(SCRIPT_BEGIN) + strlen(SCRIPT_BEGIN);
    uint8_t digest[HASH_BYTES];
    gnutls_datum_t raw = {digest, sizeof(digest)};
    gnutls_datum_t text;
    int status =
        gnutls_hash_fast(GNUTLS_DIG_SHA256, page().data + begin, find(SCRIPT_END) - begin, digest);
    assert(status == 0);
    if (gnutls_base64_encode2(&raw, &text) != 0) {
        return false;
    }
    bool good = bytes_buf_append(out, bytes_of(text.data, text.size));
    gnutls_free(text.data);
    return good;
}

static bool append_page(struct bytes_buf *out, const char *path)
{
    size_t place = find(PLACE);
    size_t behind = place + strlen(PLACE);
    return bytes_buf_append(out, bytes_of(page().data, place)) && append_escaped(out, path) &&
           bytes_buf_append(out, bytes_of(page().data + behind, page().size - behind));
}

bool net_http_page_answer(struct bytes_buf *out, const char *path)
{
    struct bytes_buf body;
    bytes_buf_init(&body, 2 * net_http_page_size);
    bool good = append_page(&body, path) &&
                bytes_buf_append_text(
                    out, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                         "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
                         "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                         "Content-Security-Policy: default-src 'none'; script-src 'sha256-") &&
                append_script_hash(out) &&
                bytes_buf_append_text(
                    out, "'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'\r\n") &&
                bytes_buf_append_format(out, "Content-Length: %zu\r\n\r\n", body.size) &&
                bytes_buf_append(out, bytes_buf_span(&body));
    bytes_buf_finish(&body);
    return good;
}
