// SPDX-License-Identifier: MIT
// Runs a fuzz target over files and folders of inputs, for compilers without libFuzzer, and over
// mutations of them, so that the plain test run is more than a replay. Deterministic: the mutation
// seed is fixed.

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 65536
#define MUTATIONS       2000

static uint32_t random_state = 0x9e3779b9u;
static unsigned inputs_run;

static uint32_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

// A heap copy of the exact size, so that ASan sees a read past the end.
static void run_once(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs_run++;
}

static void run_mutations(uint8_t *data, size_t size)
{
    static uint8_t work[INPUT_BYTES_MAX + 8];
    for (unsigned round = 0; round < MUTATIONS; round++) {
        memcpy(work, data, size);
        size_t length = size;
        unsigned edits = 1 + random_next() % 4;
        for (unsigned i = 0; i < edits && length > 0; i++) {
            size_t at = random_next() % length;
            switch (random_next() % 4) {
            case 0:
                work[at] ^= (uint8_t)(1u << random_next() % 8);
                break;
            case 1:
                work[at] = (uint8_t)random_next();
                break;
            case 2:
                memmove(work + at, work + at + 1, length - at - 1);
                length--;
                break;
            default:
                memmove(work + at + 1, work + at, length - at);
                work[at] = (uint8_t)random_next();
                length++;
                break;
            }
        }
        run_once(work, length);
    }
}

static int run_file(const char *path)
{
    static uint8_t data[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    run_once(data, size);
    run_mutations(data, size);
    return 0;
}

static int run_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return 1;
    }
    int failures = 0;
    for (int i = 0; i < count; i++) {
        char file[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
            failures += run_file(file);
        }
        free(entries[i]);
    }
    free(entries);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        bool is_folder = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);
        failures += is_folder ? run_folder(argv[i]) : run_file(argv[i]);
    }
    printf("%u inputs\n", inputs_run);
    return failures > 0 || inputs_run == 0;
}
