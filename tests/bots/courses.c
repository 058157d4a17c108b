// SPDX-License-Identifier: MIT
// Prepared tracks, found by the map data they came from.

#include "tests/bots/courses.h"

#include <stdlib.h>
#include <string.h>

const struct race_course *bots_courses_get(struct bots_courses *courses, struct bytes_span data)
{
    for (unsigned i = 0; i < courses->count; i++) {
        const struct bots_course *known = &courses->list[i];
        if (bytes_equal(bytes_of(known->data, known->size), data)) {
            return known->course;
        }
    }
    struct bots_course made = {.size = data.size};
    if (courses->count == BOTS_COURSES_MAX || data.size == 0 || !(made.data = malloc(data.size))) {
        return NULL;
    }
    memcpy(made.data, data.data, data.size);
    made.course = race_course_create(data, NULL);
    if (!made.course) {
        free(made.data);
        return NULL;
    }
    courses->list[courses->count++] = made;
    return made.course;
}

void bots_courses_finish(struct bots_courses *courses)
{
    for (unsigned i = 0; i < courses->count; i++) {
        race_course_destroy(courses->list[i].course);
        free(courses->list[i].data);
    }
    courses->count = 0;
}
