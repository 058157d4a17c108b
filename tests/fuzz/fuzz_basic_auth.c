// SPDX-License-Identifier: MIT
// Names and passwords on any bytes: the first byte says whether the rest is a header field or a
// file of passwords. Properties: what is read is text within its bounds, and what is refused leaves
// nothing behind; a file that is taken is taken again without its last line break, and one that is
// not is refused with the number of a line.

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/passwords.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const uint8_t *data, size_t size)
{
    static const char begin[] = "GET / HTTP/1.1\r\nAuthorization: ";
    static const char ending[] = "\r\n\r\n";
    struct net_http_head *head = calloc(1, sizeof(*head));
    struct net_basic_auth auth;
    struct bytes_span parts[] = {bytes_of(begin, sizeof(begin) - 1), bytes_of(data, size),
                                 bytes_of(ending, sizeof(ending) - 1)};
    enum net_http_verdict verdict = NET_HTTP_MORE;
    assert(head);
    for (size_t i = 0; i < BASE_COUNT(parts) && verdict == NET_HTTP_MORE; i++) {
        verdict = net_http_head_feed(head, &parts[i]);
    }
    if (verdict == NET_HTTP_COMPLETE) {
        bool good = net_basic_auth_read(head, &auth);
        assert(memchr(auth.name, '\0', sizeof(auth.name)));
        assert(memchr(auth.password, '\0', sizeof(auth.password)));
        assert(good == (auth.name[0] != '\0'));
        assert(good || auth.password[0] == '\0');
        assert(!strchr(auth.name, ':'));
    }
    free(head);
}

static bool load(int fd, const struct config *config, const uint8_t *data, size_t size,
                 struct error *error)
{
    int status = ftruncate(fd, 0);
    assert(status == 0);
    ssize_t count = pwrite(fd, data, size, 0);
    assert(count == (ssize_t)size);
    struct net_passwords *passwords = net_passwords_create(config, NULL, error);
    net_passwords_destroy(passwords);
    return passwords;
}

static void check_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static struct config *config;
    struct error error = {""};
    if (fd < 0) {
        char path[64];
        fd = memfd_create("passwords", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        config = config_create_default();
        bool set = config && config_set(config, "basic-auth-file", path, &error);
        assert(fd >= 0 && set);
    }
    if (load(fd, config, data, size, &error)) {
        bool same = size == 0 || data[size - 1] != '\n' || load(fd, config, data, size - 1, &error);
        assert(same);
    } else {
        assert(strncmp(error.text, "basic-auth-file: ", 17) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] & 1) {
        check_file(data + 1, size - 1);
    } else {
        check_header(data + 1, size - 1);
    }
    return 0;
}
