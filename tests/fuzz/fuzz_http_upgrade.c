// SPDX-License-Identifier: MIT
// The opening handshake on any bytes. Properties: the verdict, what is left over and the answer do
// not depend on how the bytes were cut; the answer to a refused request repeats nothing of it; what
// switches has exactly one key of the right form.

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The head as it becomes when the bytes come in pieces of 1..`chop` bytes.
static enum net_http_verdict read_head(struct net_http_head *head, const uint8_t *data, size_t size,
                                       size_t chop, size_t *left)
{
    enum net_http_verdict verdict = NET_HTTP_MORE;
    size_t at = 0;
    memset(head, 0, sizeof(*head));
    while (verdict == NET_HTTP_MORE && at < size) {
        size_t count = chop < size - at ? chop : size - at;
        struct bytes_span span = bytes_of(data + at, count);
        verdict = net_http_head_feed(head, &span);
        assert(span.size == 0 || verdict != NET_HTTP_MORE);
        at += count - span.size;
    }
    *left = size - at;
    return verdict;
}

static void answer(struct bytes_buf *out, const struct net_http_head *head,
                   enum net_http_verdict verdict)
{
    static char rule[1][CONFIG_LIST_ITEM_BYTES] = {"https://*.example.com"};
    static const struct config_list rules = {1, rule};
    static const struct net_http_site site = {"/websocket", "node1", true, &rules, false};
    struct bytes_span unknown = {0};
    struct bytes_span key = {0};
    enum net_http_answer how = verdict == NET_HTTP_COMPLETE
                                   ? net_http_upgrade_judge(head, &site, &unknown)
                                   : net_http_upgrade_refuse(verdict);
    if (how == NET_HTTP_SWITCH) {
        assert(net_http_head_find(head, "sec-websocket-key", &key) == 1);
        assert(net_ws_key_is_valid(key));
    }
    bool written =
        net_http_upgrade_answer(out, how, site.path, how == NET_HTTP_SWITCH ? head : NULL);
    assert(written);
    if (verdict == NET_HTTP_COMPLETE) {
        net_http_upgrade_check(head, "dGhlIHNhbXBsZSBub25jZQ==");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t chop = data[0] % 64 + 1;
    struct net_http_head *whole = malloc(sizeof(*whole));
    struct net_http_head *cut = malloc(sizeof(*cut));
    size_t whole_left;
    size_t cut_left;
    assert(whole && cut);
    enum net_http_verdict verdict = read_head(whole, data + 1, size - 1, size, &whole_left);
    enum net_http_verdict cut_verdict = read_head(cut, data + 1, size - 1, chop, &cut_left);
    assert(verdict == cut_verdict && whole_left == cut_left);
    assert(whole->size == cut->size && memcmp(whole->bytes, cut->bytes, whole->size) == 0);
    if (verdict != NET_HTTP_MORE) {
        struct bytes_buf a;
        struct bytes_buf b;
        bytes_buf_init(&a, NET_HTTP_ANSWER_BYTES);
        bytes_buf_init(&b, NET_HTTP_ANSWER_BYTES);
        answer(&a, whole, verdict);
        answer(&b, cut, verdict);
        assert(bytes_equal(bytes_buf_span(&a), bytes_buf_span(&b)));
        bytes_buf_finish(&a);
        bytes_buf_finish(&b);
    }
    free(whole);
    free(cut);
    return 0;
}
