// SPDX-License-Identifier: MIT
// The outbox file's layout, for the two who open it: the server (outbox.c) and the command line
// (outbox_tool.c). `state` is enum auth_outbox_state.

#ifndef AUTH_OUTBOX_LAYOUT_H
#define AUTH_OUTBOX_LAYOUT_H

#define AUTH_OUTBOX_NOW "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

// The first fields of a struct auth_db_layout.
#define AUTH_OUTBOX_LAYOUT                                                                         \
    .title = "results outbox", .setting = "outbox-db", .application_id = 0x50644b4f /* "PdKO" */,  \
    .version = 1,                                                                                  \
    .schema = "CREATE TABLE outbox("                                                               \
              " id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,"                   \
              " subject TEXT NOT NULL, body BLOB NOT NULL,"                                        \
              " state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),"                   \
              " attempts INTEGER NOT NULL DEFAULT 0,"                                              \
              " created TEXT NOT NULL DEFAULT (" AUTH_OUTBOX_NOW "),"                              \
              " updated TEXT NOT NULL DEFAULT (" AUTH_OUTBOX_NOW ")) STRICT;"                      \
              "CREATE INDEX outbox_state ON outbox(state, id)"

#endif
