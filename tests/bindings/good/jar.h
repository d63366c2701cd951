/* SPDX-License-Identifier: MIT */
/*
 * A jar of marbles: one of everything that a header may say.
 */
#ifndef NFBIND_JAR_H
#define NFBIND_JAR_H

#include <stddef.h>
#include <stdint.h>

#include <nfbind/base.h>

/** A table of fields. */
struct nfbind_fields;

/** A jar: "glass", with a \ in it. */
struct nfbind_jar;

/** The fields of a jar. */
enum nfbind_jar_field {
	/** How many marbles it holds. */
	NFBIND_JAR_ROOM = 0,
	/**
	 * What is written on it, as "blue ones",
	 * on two lines.
	 */
	NFBIND_JAR_LABEL = 1
};

/** Where something went wrong. */
enum nfbind_jar_side {
	/** In it. */
	NFBIND_JAR_SIDE_INSIDE = 0,
	/** Around it. */
	NFBIND_JAR_SIDE_OUTSIDE = 1
};

/** Colours. */
enum nfbind_colour {
	/** Red. */
	NFBIND_COLOUR_RED = 1,
	/** Blue. */
	NFBIND_COLOUR_BLUE = 2,
	/** Green. */
	NFBIND_COLOUR_GREEN = 4
};

/** A marble. */
struct nfbind_marble {
	/** enum nfbind_colour */
	uint32_t colour;
	/** Its maker's mark. */
	uint8_t mark[4];
	/** Micrograms. */
	uint64_t weight;
};

/**
 * Make an empty jar.
 *
 * @owned
 * @error ENOMEM out of memory
 * @thread any
 * @since 0.1
 */
NFBIND_API int nfbind_jar_new(uint32_t room, struct nfbind_jar **ret_jar);

/**
 * Free it; NULL is fine.
 *
 * @nullable jar
 * @since 0.1
 */
NFBIND_API void nfbind_jar_free(struct nfbind_jar *jar);

/**
 * The fields of a jar.
 *
 * @immortal
 * @thread any
 * @since 0.1
 */
NFBIND_API const struct nfbind_fields *nfbind_jar_fields(void);

/**
 * Whether the field is present.
 *
 * @enum field nfbind_jar_field
 * @returns bool
 * @since 0.1
 */
NFBIND_API int nfbind_jar_has(const struct nfbind_jar *jar, uint32_t field);

/**
 * Read a number.
 *
 * @enum field nfbind_jar_field
 * @none ENODATA
 * @error ENODATA it is absent
 * @side none
 * @since 0.1
 */
NFBIND_API int nfbind_jar_get_number(const struct nfbind_jar *jar, uint32_t field,
				     uint64_t *ret_value);

/**
 * Look at the bytes of a field.
 *
 * @enum field nfbind_jar_field
 * @borrowed jar until fill free
 * @error ENODATA it is absent
 * @side none
 * @since 0.1
 */
NFBIND_API int nfbind_jar_get_bytes(const struct nfbind_jar *jar, uint32_t field,
				    const void **ret_data, size_t *ret_data_len);

/**
 * Look at its marbles.
 *
 * @element marbles marble_size
 * @output marbles
 * @returns count
 * @error ENOSPC there are more
 * @side outside
 * @since 0.2
 */
NFBIND_API int nfbind_jar_show(const struct nfbind_jar *jar, struct nfbind_marble *marbles,
			       size_t marbles_count, size_t marble_size);

/**
 * Polish marbles.
 *
 * @element marbles marble_size
 * @inout marbles
 * @error EINVAL one of them is none
 * @side inside
 * @reason ret_message
 * @since 0.2
 */
NFBIND_API int nfbind_jar_polish(struct nfbind_jar *jar, struct nfbind_marble *marbles,
				 size_t marbles_count, size_t marble_size, char *ret_message,
				 size_t ret_message_size);

/**
 * What the last failure on one side of it was.
 *
 * @enum side nfbind_jar_side
 * @returns length
 * @error EINVAL no such side
 * @since 0.2
 */
NFBIND_API int nfbind_jar_last_message(struct nfbind_jar *jar, uint32_t side, char *ret_text,
				       size_t ret_text_size);

/**
 * Fill it with marbles of some colours.
 *
 * All at once.
 *
 * @element marbles marble_size
 * @flags colours nfbind_colour
 * @nullable data
 * @returns count
 * @error ENOSPC it is full
 * @side inside
 * @blocks
 * @thread receive
 * @since 0.2
 */
NFBIND_API int nfbind_jar_fill(struct nfbind_jar *jar, uint32_t colours,
			       const struct nfbind_marble *marbles, size_t marbles_count,
			       size_t marble_size, const void *data, size_t data_len);

/**
 * Take the first marble.
 *
 * @element ret_marble ret_marble_size
 * @none EAGAIN
 * @error EAGAIN it is empty
 * @side inside
 * @c-only
 * @since 0.2
 */
NFBIND_API int nfbind_jar_take(struct nfbind_jar *jar, struct nfbind_marble *ret_marble,
			       size_t ret_marble_size);

/**
 * Say what is in it.
 *
 * @returns length
 * @since 0.1
 */
NFBIND_API int nfbind_jar_print(const struct nfbind_jar *jar, char *ret_text,
				size_t ret_text_size);

/**
 * Shake it. It never fails.
 *
 * @since 0.1
 */
NFBIND_API int nfbind_jar_shake(struct nfbind_jar *jar);

/**
 * Ring a bell.
 *
 * @signal-safe
 * @thread any
 * @since 0.1
 */
NFBIND_API void nfbind_ring(void);

#endif
