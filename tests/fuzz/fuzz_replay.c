// SPDX-License-Identifier: MIT
// Replays: any bytes are refused with a reason or run again.
//
// Properties: verifying is a pure function (twice the same), and what verifies tells a whole field.
// The course of a race without hashes cannot run for long: a hash is due after 60 ticks at most.

#include <assert.h>
#include <string.h>

#include "game/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct game_replay_report report, again;
    struct error error = {.text = ""}, error_again = {.text = ""};
    bool ok = game_replay_verify(bytes_of(data, size), &report, &error);
    assert(ok == game_replay_verify(bytes_of(data, size), &again, &error_again));
    assert(strcmp(error.text, error_again.text) == 0);
    assert(ok == (error.text[0] == '\0'));
    assert(report.ticks == again.ticks && report.final_hash == again.final_hash);
    if (ok) {
        unsigned places = 0;
        for (unsigned i = 0; i < report.setup.entities; i++) {
            places += report.standings[i].place;
        }
        assert(places == report.setup.entities * (report.setup.entities + 1) / 2);
    }
    return 0;
}
