// SPDX-License-Identifier: MIT
// Bits that no byte needs have to be zero: else one secret could be written in several ways, and
// limits on how often each is tried could be walked around.

#include "net/base64.h"

struct alphabet {
    bool standard; // has had + or /
    bool url;      // has had - or _
};

static int value_of(uint8_t byte, struct alphabet *alphabet)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    alphabet->standard |= byte == '+' || byte == '/';
    alphabet->url |= byte == '-' || byte == '_';
    return byte == '+' || byte == '-' ? 62 : byte == '/' || byte == '_' ? 63 : -1;
}

static struct bytes_span without_padding(struct bytes_span text)
{
    for (unsigned i = 0; i < 2 && text.size % 4 != 1 && text.size > 0; i++) {
        text.size -= text.data[text.size - 1] == '=';
    }
    return text;
}

bool net_base64_decode(struct bytes_span text, uint8_t *out, size_t room, size_t *size)
{
    struct bytes_span digits = without_padding(text);
    struct alphabet alphabet = {0};
    uint32_t bits = 0;
    unsigned bit_count = 0;
    *size = 0;
    if (digits.size % 4 == 1 || (digits.size != text.size && text.size % 4 != 0)) {
        return false;
    }
    for (size_t i = 0; i < digits.size; i++) {
        int value = value_of(digits.data[i], &alphabet);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            if (*size == room) {
                return false;
            }
            bit_count -= 8;
            out[(*size)++] = (uint8_t)(bits >> bit_count);
            bits &= (1U << bit_count) - 1;
        }
    }
    return bits == 0 && !(alphabet.standard && alphabet.url);
}
