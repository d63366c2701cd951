/* SPDX-License-Identifier: MIT */
/*
 * Resync, at random: whatever changes, gets lost or is missed by lists, a consumer who
 * applies the stream blindly ends with the table, in every round.
 */
#include "table_model.h"

#include "unit.h"

static void run(unsigned long round)
{
	model_start();
	model.misses_entries = true;
	model.has_same_ids = round % 3 == 0;
	model.has_starts = round % 5 == 0;
	model.is_filtered = round % 8 < 3;
	model_fill_at_random();
	nfbind_options_set_number(model.options, NFBIND_OPTIONS_BATCH, 1 + unit_random(6));
	model_open();
	/* With few, what goes wrong in the first list is not put right by later ones. */
	model.changes_left = unit_random(round % 2 ? 400 : 8);
	while (model.changes_left > 0) {
		model_take();
		model_story();
		fake_advance(unit_random(4));
	}
	for (uint32_t i = 0; i < TUPLES; i++)
		if (model.table[i].is_dying)
			model.table[i] = (struct entry){ 0 };
	model_settle();
	ck_assert_uint_ge(model.synced, 1);
	model_compare(round);
	model_close();
}

START_TEST(test_copy_is_the_table)
{
	uint32_t overruns = 0, ended = 0;

	for (unsigned long round = 0; round < unit_rounds(3000); round++) {
		unit_seed(round);
		run(round);
		overruns += model.overruns;
		ended += model.ended;
	}
	ck_assert_uint_gt(overruns, 100);
	ck_assert_uint_gt(ended, 1000);
}
END_TEST

UNIT_MAIN("resync_model", model_set_up, model_tear_down, test_copy_is_the_table)
