// SPDX-License-Identifier: MIT
// A certificate store: a folder of files, in which certificates are found by whom they are issued
// to.
//
// As Windows has them for Photon: a name such as "MY", in the machine's or in the user's store. The
// names of files mean nothing. A certificate is one of
//
//   any.pem, .crt or .cer     with its key in the same file, or in any.key beside it
//   any.pfx or .p12           PKCS#12
//   any/fullchain.pem         with any/privkey.pem, as certbot keeps them
//   any/tls.crt               with any/tls.key, as Kubernetes mounts them

#ifndef NET_TLS_FOLDER_H
#define NET_TLS_FOLDER_H

#include "config/config.h"
#include "net/tls_credentials.h"

// Where the store of the settings is. False with one line in *error when there is no telling.
bool net_tls_folder_path(const struct config *config, char path[LIMIT_PATH_BYTES],
                         struct error *error) BASE_MUST_USE;

// Calls `each` for every certificate there may be, in the order of their names, until it returns
// false; a folder that cannot be read has none. `key` NULL: in the same file.
void net_tls_folder_each(const char *folder,
                         bool (*each)(void *context, const char *certificate, const char *key),
                         void *context);

// Adds what is issued to `name`: of each key type the certificate that lasts longest. False with
// one line in *error that helps to find the right name when there is none.
bool net_tls_folder_find(const struct config *config, const char *name,
                         struct net_tls_certificates *found, struct error *error) BASE_MUST_USE;

#endif
