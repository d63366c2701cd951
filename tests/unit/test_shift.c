/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of changed sequence numbers, against a slow model: a list of the
 * bytes that stand for each original one.
 */
#include "unit.h"

#include "shift.h"

enum { STREAM = 200, BYTES = 600 };

static struct shift shift;
static uint32_t first; /* number of the stream's first byte */

/* The model: what stands for each byte, with what was inserted in front of it. */
static uint8_t original[STREAM];
static uint8_t stands[STREAM + 1][BYTES];
static uint32_t stands_len[STREAM + 1];

static void set_up(void)
{
	first = 0u - 100; /* the numbers wrap half way */
	for (uint32_t i = 0; i < STREAM; i++) {
		original[i] = stands[i][0] = (uint8_t)i;
		stands_len[i] = 1;
	}
	stands_len[STREAM] = 0;
}

static void tear_down(void)
{
	shift_clear(&shift);
}

/* Plan and commit a change at a changed position of what nobody got yet. */
static void change(uint32_t at, uint32_t remove, const char *data, const char *anchor)
{
	struct plan plan;

	ck_assert_int_eq(shift_plan(&shift, 0, first + at, remove, data, (uint32_t)strlen(data),
				    (const uint8_t *)anchor, &plan),
			 0);
	shift_commit(&shift, &plan);
}

static void starts(uint32_t at, uint32_t changed)
{
	ck_assert_uint_eq(shift_start(&shift, first + at), first + changed);
}

static void backs(uint32_t changed, uint32_t at)
{
	ck_assert_uint_eq(shift_back(&shift, first + changed), first + at);
}

static void back_starts(uint32_t changed, uint32_t at)
{
	ck_assert_uint_eq(shift_back_start(&shift, first + changed), first + at);
}

START_TEST(test_shift_without_changes_maps_to_itself)
{
	struct patch patch;

	ck_assert(shift_is_idle(&shift));
	for (uint32_t i = 0; i < STREAM; i++) {
		starts(i, i);
		backs(i, i);
		back_starts(i, i);
	}
	ck_assert_int_eq(shift_patch(&shift, first, first + 10, first + 10, original, &patch), 0);
}
END_TEST

START_TEST(test_shift_growth_moves_what_follows)
{
	change(100, 2, "abcde", NULL);
	starts(100, 100);
	starts(101, 105); /* removed: where the next one is that is left */
	starts(102, 105);
	backs(100, 100);
	backs(104, 100); /* not all of it is there */
	backs(105, 102);
	back_starts(100, 100);
	back_starts(101, 102); /* its beginning is missing */
	back_starts(105, 102);
	ck_assert_uint_eq(shift_total(&shift), 3);
}
END_TEST

START_TEST(test_shift_what_was_removed_needs_no_delivery)
{
	change(100, 10, "", NULL);
	starts(100, 100);
	starts(105, 100);
	starts(110, 100);
	backs(99, 99);
	backs(100, 110);
	back_starts(100, 100);
	back_starts(101, 111);
	ck_assert_uint_eq(shift_total(&shift), 0u - 10);
}
END_TEST

START_TEST(test_shift_insertion_hangs_on_the_byte_that_follows)
{
	struct patch patch;

	change(50, 0, "xyz", NULL);
	/* A segment that ends there has nothing of it. */
	ck_assert(!shift_concerns(&shift, first + 40, first + 50));
	ck_assert_int_eq(
		shift_patch(&shift, first + 50, first + 60, first + 60, original + 50, &patch), 1);
	ck_assert_uint_eq(patch.offset, 0);
	ck_assert_uint_eq(patch.removed, 0);
	ck_assert_bytes_eq(patch.bytes, patch.inserted, "xyz", 3);
	free(patch.bytes);
	/* Part of it there: the byte must not look as if it were. */
	backs(52, 50);
	back_starts(51, 51);
	back_starts(53, 51);
	back_starts(54, 51);
}
END_TEST

START_TEST(test_shift_insertion_at_the_end_hangs_on_the_byte_before)
{
	struct patch patch;

	change(50, 0, "xyz", "1");
	ck_assert_int_eq(
		shift_patch(&shift, first + 40, first + 50, first + 50, original + 40, &patch), 1);
	ck_assert_uint_eq(patch.offset, 9);
	ck_assert_uint_eq(patch.removed, 1);
	ck_assert_bytes_eq(patch.bytes, patch.inserted, "1xyz", 4);
	free(patch.bytes);
	ck_assert(!shift_concerns(&shift, first + 50, first + 60));
}
END_TEST

START_TEST(test_shift_insertion_before_a_fin_travels_with_it)
{
	struct patch patch;

	change(50, 0, "xyz", NULL);
	/* A segment that is nothing but the FIN. */
	ck_assert_int_eq(
		shift_patch(&shift, first + 50, first + 50, first + 51, original + 50, &patch), 1);
	ck_assert_uint_eq(patch.offset, 0);
	ck_assert_bytes_eq(patch.bytes, patch.inserted, "xyz", 3);
	free(patch.bytes);
}
END_TEST

START_TEST(test_shift_segment_without_data_is_behind_what_was_inserted)
{
	change(50, 0, "xyz", NULL);
	ck_assert_uint_eq(shift_empty(&shift, first + 50), first + 53);
	ck_assert_uint_eq(shift_empty(&shift, first + 51), first + 54);
	/* A keep-alive stays one behind. */
	ck_assert_uint_eq(shift_empty(&shift, first + 49), first + 49);
	change(20, 5, "", NULL);
	ck_assert_uint_eq(shift_empty(&shift, first + 24), first + 19);
}
END_TEST

START_TEST(test_shift_changes_that_touch_become_one)
{
	change(100, 10, "abc", NULL);
	ck_assert_uint_eq(shift.count, 1);
	change(103, 2, "de", NULL); /* right behind it */
	ck_assert_uint_eq(shift.count, 1);
	ck_assert_bytes_eq(shift.changes[0].bytes, shift.changes[0].inserted, "abcde", 5);
	ck_assert_uint_eq(shift.changes[0].removed, 12);
	change(98, 4, "X", NULL); /* from before it into it */
	ck_assert_uint_eq(shift.count, 1);
	ck_assert_bytes_eq(shift.changes[0].bytes, shift.changes[0].inserted, "Xcde", 4);
	ck_assert_uint_eq(shift.changes[0].at, first + 98);
	ck_assert_uint_eq(shift.changes[0].removed, 14);
	change(110, 1, "far", NULL);
	ck_assert_uint_eq(shift.count, 2);
	change(99, 12, "all", NULL); /* across both */
	ck_assert_uint_eq(shift.count, 1);
	ck_assert_bytes_eq(shift.changes[0].bytes, shift.changes[0].inserted, "Xallar", 6);
}
END_TEST

START_TEST(test_shift_changes_that_were_sent_stay_as_they_are)
{
	struct plan plan;

	change(99, 1, "abc", NULL);
	/* What touches it, but was not sent before, becomes a change of its own. */
	ck_assert_int_eq(shift_plan(&shift, 1, first + 102, 1, "d", 1, NULL, &plan), 0);
	ck_assert_uint_eq(plan.count, 0);
	ck_assert_uint_eq(plan.change.at, first + 100);
	shift_commit(&shift, &plan);
	ck_assert_uint_eq(shift.count, 2);
	ck_assert_int_eq(shift_plan(&shift, 1, first + 110, 1, "e", 1, NULL, &plan), 0);
	shift_cancel(&plan);
	ck_assert_uint_eq(shift.count, 2);
}
END_TEST

START_TEST(test_shift_forgets_what_was_acknowledged)
{
	change(10, 1, "abc", NULL);
	change(100, 1, "abc", NULL);
	ck_assert_uint_eq(shift_forget(&shift, first + 12, first + 150), 0);
	ck_assert_uint_eq(shift_forget(&shift, first + 13, first + 150), 1);
	ck_assert_uint_eq(shift.base, 2);
	starts(50, 52);
	backs(52, 50);
	ck_assert(shift_is_below(&shift, first + 12));
	ck_assert(!shift_is_below(&shift, first + 13));
	ck_assert_uint_eq(shift_forget(&shift, first + 150, first + 150), 1);
	ck_assert_uint_eq(shift.bytes, 0);
	starts(50, 54);
	ck_assert(!shift_is_idle(&shift));
	/* Of a late segment so many bytes were acknowledged, changed. */
	ck_assert_uint_eq(shift_forgotten(&shift, first + 95, first + 110), 4);
	ck_assert_uint_eq(shift_forgotten(&shift, first + 95, first + 98), 3);
	ck_assert_uint_eq(shift_forgotten(&shift, first + 101, first + 110), 0);
}
END_TEST

START_TEST(test_shift_forgets_what_nobody_acknowledges_before_it_looks_ahead)
{
	change(10, 1, "abc", NULL);
	ck_assert_uint_eq(shift_forget(&shift, first, first + (1u << 30)), 0);
	ck_assert_uint_eq(shift_forget(&shift, first, first + (1u << 30) + 10), 1);
}
END_TEST

START_TEST(test_shift_floor_follows_a_long_stream)
{
	change(10, 1, "abc", NULL);
	for (uint32_t turn = 0; turn < 64; turn++) {
		uint32_t number = first + 100 + turn * (1u << 28);

		shift_forget(&shift, number, number);
		ck_assert(!shift_is_below(&shift, number));
	}
}
END_TEST

START_TEST(test_shift_memory_is_bounded)
{
	static uint8_t data[SHIFT_BYTES_MAX];
	struct plan plan;

	for (uint32_t i = 0; i < SHIFT_CHANGES_MAX; i++)
		change(i * 10, 1, "a", NULL);
	ck_assert_int_eq(shift_plan(&shift, 0, first + 10 * SHIFT_CHANGES_MAX + 5000, 1, "a", 1,
				    NULL, &plan),
			 -ENOSPC);
	shift_clear(&shift);
	ck_assert_int_eq(shift_plan(&shift, 0, first, 1, data, sizeof(data), NULL, &plan), 0);
	shift_commit(&shift, &plan);
	ck_assert_int_eq(shift_plan(&shift, 0, first + 1, 0, "a", 1, NULL, &plan), -ENOSPC);
}
END_TEST

/* The model's answer: what all segments of a cutting carry, one after the other. */
static uint32_t model_stream(uint8_t *out)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i <= STREAM; i++) {
		memcpy(out + len, stands[i], stands_len[i]);
		len += stands_len[i];
	}
	return len;
}

/* A change in the model, at a changed position: what it touches moves to one byte. */
static void model_change(uint32_t at, uint32_t remove, const uint8_t *data, uint32_t len)
{
	uint32_t i = 0, from, behind;

	for (; i < STREAM && at >= stands_len[i]; i++)
		at -= stands_len[i];
	from = i;
	/* `at` bytes into what stands for byte `from`. */
	for (i = from; remove > 0; i++) {
		uint32_t start = i == from ? at : 0, take = stands_len[i] - start;

		take = take < remove ? take : remove;
		behind = stands_len[i] - start - take;
		memmove(stands[i] + start, stands[i] + start + take, behind);
		stands_len[i] -= take;
		remove -= take;
	}
	memmove(stands[from] + at + len, stands[from] + at, stands_len[from] - at);
	memcpy(stands[from] + at, data, len);
	stands_len[from] += len;
}

/* Cut the stream anew, patch every segment, and put it together where it belongs. */
static void check_cutting(uint32_t segment_max)
{
	static uint8_t wanted[STREAM + BYTES * 10], got[STREAM + BYTES * 10];
	uint32_t wanted_len = model_stream(wanted), expected = 0;

	for (uint32_t from = 0, to; from < STREAM; from = to) {
		struct patch patch = { 0 };
		uint32_t len, start;
		int r;

		to = from + 1 + unit_random(segment_max);
		if (to > STREAM)
			to = STREAM;
		r = shift_patch(&shift, first + from, first + to, first + to, original + from,
				&patch);
		start = shift_start(&shift, first + from) - first;
		len = to - from - patch.removed + patch.inserted;
		if (r < 0 || start + len > sizeof(got) || start != expected)
			ck_abort_msg("segment %u to %u starts at %u, not %u", from, to, start,
				     expected);
		memcpy(got + start, original + from, patch.offset);
		if (patch.inserted > 0)
			memcpy(got + start + patch.offset, patch.bytes, patch.inserted);
		memcpy(got + start + patch.offset + patch.inserted,
		       original + from + patch.offset + patch.removed,
		       to - from - patch.offset - patch.removed);
		free(patch.bytes);
		expected = start + len;
	}
	ck_assert_bytes_eq(got, expected, wanted, wanted_len);
}

START_TEST(test_shift_any_cutting_of_the_stream_gives_the_same_bytes)
{
	for (unsigned long round = 0; round < unit_rounds(3000); round++) {
		set_up();
		for (unsigned int i = 0; i < 1 + unit_random(8); i++) {
			static uint8_t wanted[STREAM + BYTES * 10];
			uint32_t len = model_stream(wanted), at = unit_random(len), remove, insert;
			uint8_t data[20];
			struct plan plan;

			remove = unit_random(2) ? unit_random(len - at) : unit_random(3);
			if (remove > len - at)
				remove = len - at;
			insert = unit_random(sizeof(data));
			for (uint32_t j = 0; j < insert; j++)
				data[j] = (uint8_t)unit_random(256);
			ck_assert_int_eq(shift_plan(&shift, 0, first + at, remove, data, insert,
						    NULL, &plan),
					 0);
			shift_commit(&shift, &plan);
			model_change(at, remove, data, insert);
		}
		check_cutting(3);
		check_cutting(STREAM);
		tear_down();
	}
}
END_TEST

/* Numbers keep their order through both maps, and an acknowledgement never says too much. */
START_TEST(test_shift_maps_keep_the_order)
{
	for (unsigned long round = 0; round < unit_rounds(2000); round++) {
		uint32_t last = 0, total;

		for (unsigned int i = 0; i < 5; i++) {
			struct plan plan;

			ck_assert_int_eq(shift_plan(&shift, 0, first + unit_random(150),
						    unit_random(10), "0123456789", unit_random(10),
						    NULL, &plan),
					 0);
			shift_commit(&shift, &plan);
		}
		total = STREAM + shift_total(&shift);
		for (uint32_t changed = 0; changed < total; changed++) {
			uint32_t back = shift_back(&shift, first + changed) - first;
			uint32_t start = shift_back_start(&shift, first + changed) - first;

			if (back < last || back > STREAM || start > back + STREAM ||
			    shift_start(&shift, first + back) - first > changed ||
			    (start > 0 && shift_start(&shift, first + start) - first < changed))
				ck_abort_msg("%u: %u, %u", changed, back, start);
			last = back;
		}
		tear_down();
	}
}
END_TEST

UNIT_MAIN("shift", set_up, tear_down,
	  test_shift_without_changes_maps_to_itself,
	  test_shift_growth_moves_what_follows,
	  test_shift_what_was_removed_needs_no_delivery,
	  test_shift_insertion_hangs_on_the_byte_that_follows,
	  test_shift_insertion_at_the_end_hangs_on_the_byte_before,
	  test_shift_insertion_before_a_fin_travels_with_it,
	  test_shift_segment_without_data_is_behind_what_was_inserted,
	  test_shift_changes_that_touch_become_one,
	  test_shift_changes_that_were_sent_stay_as_they_are,
	  test_shift_forgets_what_was_acknowledged,
	  test_shift_forgets_what_nobody_acknowledges_before_it_looks_ahead,
	  test_shift_floor_follows_a_long_stream,
	  test_shift_memory_is_bounded,
	  test_shift_any_cutting_of_the_stream_gives_the_same_bytes,
	  test_shift_maps_keep_the_order)
