// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/blocks.h"

// What the sanitizer's build keeps is nothing, so what is kept is asked of the blocks themselves.
static struct blocks with_room_for(size_t bytes)
{
    struct blocks blocks;
    blocks_init(&blocks, bytes);
    return blocks;
}

static void a_block_holds_what_was_asked_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 2047, 2048, 2049, 100000};
    struct blocks blocks = with_room_for(1 << 20);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned again = 0; again < 2; again++) {
            uint8_t *block = blocks_take(&blocks, sizes[i]);
            assert_non_null(block);
            assert_true(blocks_size(block) >= sizes[i]);
            memset(block, 0xa5, sizes[i]);
            blocks_give(&blocks, block);
        }
    }
    blocks_finish(&blocks);
}

static void what_is_given_back_is_used_again(void **state)
{
    (void)state;
    struct blocks blocks = with_room_for(1 << 20);
    void *first = blocks_take(&blocks, 100);
    blocks_give(&blocks, first);
    if (blocks.kept_max == 0) {
        skip(); // the sanitizer's build
    }
    assert_int_equal(blocks.kept, 128);
    assert_ptr_equal(blocks_take(&blocks, 128), first);
    assert_int_equal(blocks.kept, 0);
    blocks_give(&blocks, first);
    // Another size has a list of its own.
    void *second = blocks_take(&blocks, 129);
    assert_ptr_not_equal(second, first);
    blocks_give(&blocks, second);
    assert_int_equal(blocks.kept, 128 + 256);
    blocks_finish(&blocks);
    assert_int_equal(blocks.kept, 0);
}

static void no_more_is_kept_than_was_said(void **state)
{
    (void)state;
    struct blocks blocks = with_room_for(256);
    void *taken[6];
    for (unsigned i = 0; i < 6; i++) {
        taken[i] = blocks_take(&blocks, 64);
    }
    for (unsigned i = 0; i < 6; i++) {
        blocks_give(&blocks, taken[i]);
        assert_true(blocks.kept <= 256);
    }
    assert_int_equal(blocks.kept, blocks.kept_max);
    blocks_finish(&blocks);
}

static void large_blocks_are_not_kept(void **state)
{
    (void)state;
    struct blocks blocks = with_room_for(1 << 20);
    blocks_give(&blocks, blocks_take(&blocks, 4096));
    assert_int_equal(blocks.kept, 0);
    blocks_finish(&blocks);
}

static void a_block_may_outlive_the_list(void **state)
{
    (void)state;
    struct blocks blocks = with_room_for(1 << 20);
    void *block = blocks_take(&blocks, 10);
    blocks_finish(&blocks);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_holds_what_was_asked_for),
        cmocka_unit_test(what_is_given_back_is_used_again),
        cmocka_unit_test(no_more_is_kept_than_was_said),
        cmocka_unit_test(large_blocks_are_not_kept),
        cmocka_unit_test(a_block_may_outlive_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
