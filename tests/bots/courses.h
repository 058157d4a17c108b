// SPDX-License-Identifier: MIT
// The tracks that bots have been told of, prepared for driving once and shared by all.

#ifndef TESTS_BOTS_COURSES_H
#define TESTS_BOTS_COURSES_H

#include "game/race/race_driver.h"

#define BOTS_COURSES_MAX 32

struct bots_courses {
    unsigned count;
    struct bots_course {
        struct race_course *course;
        uint8_t *data;
        size_t size;
    } list[BOTS_COURSES_MAX];
};

// Zeroed memory is a valid start. NULL when the data is no track, or there are too many.
const struct race_course *bots_courses_get(struct bots_courses *courses, struct bytes_span data);
void bots_courses_finish(struct bots_courses *courses);

#endif
