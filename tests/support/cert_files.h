// SPDX-License-Identifier: MIT
// Makes certificates of every kind, good and bad, in a folder that goes when the test does.

#ifndef TESTS_SUPPORT_CERT_FILES_H
#define TESTS_SUPPORT_CERT_FILES_H

#include <stddef.h>
#include <stdint.h>

enum cert_trait {
    CERT_PLAIN = 0,
    CERT_RSA = 1,
    CERT_NO_SIGNATURE = 2, // keyUsage keyEncipherment only, as the Photon guide has it
    CERT_NO_NAMES = 4,     // no subjectAltName
    CERT_NO_COMMON_NAME = 8,
    CERT_CA = 16,
};

struct cert_spec {
    const char *file; // FILE.pem and FILE.key
    const char *common_name;
    const char *names[4]; // DNS names beside the common name
    unsigned traits;
    int64_t begins_s, ends_s; // from now; both 0: from yesterday for three months
    const char *issuer;       // a file made before; NULL: self-signed
};

// A new folder, empty; one at a time.
void cert_files_begin(void);
void cert_files_end(void);
const char *cert_files_path(const char *name); // valid for seven more calls
void cert_files_make(const struct cert_spec *spec);
// FILE.pem and FILE.key as TO in PKCS#12.
void cert_files_make_pkcs12(const char *file, const char *to, const char *friendly_name,
                            const char *password);
void cert_files_make_folder(const char *name);
void cert_files_write(const char *name, const void *data, size_t size);
// The whole file, NUL-terminated; valid until the second call after it.
const char *cert_files_read(const char *name);
void cert_files_copy(const char *from, const char *to);
// One file that holds what both hold.
void cert_files_join(const char *first, const char *second, const char *to);

#endif
