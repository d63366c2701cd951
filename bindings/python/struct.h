/* SPDX-License-Identifier: MIT */
/*
 * Plain structs by their layout: named tuples out, sequences in, lists of both.
 */
#ifndef NFBIND_PYTHON_STRUCT_H
#define NFBIND_PYTHON_STRUCT_H

#include "argument.h"

struct member {
	const char *name;
	uint16_t offset;
	uint16_t size;
	uint8_t is_signed;
	uint8_t is_bytes;
};

struct layout {
	const char *name;
	const struct member *members;
	size_t count;
	size_t size;
	PyTypeObject *type;
};

static PyObject *from_member(const struct member *member, const uint8_t *at)
{
	uint64_t value = 0;

	if (member->is_bytes)
		return PyBytes_FromStringAndSize((const char *)at, member->size);
	/* Little and big endian alike: by width. */
	switch (member->size) {
	case 1: value = *at; break;
	case 2: { uint16_t v; memcpy(&v, at, 2); value = v; break; }
	case 4: { uint32_t v; memcpy(&v, at, 4); value = v; break; }
	default: memcpy(&value, at, 8);
	}
	if (member->is_signed)
		return PyLong_FromLongLong(member->size == 4 ? (int32_t)value : (int64_t)value);
	return PyLong_FromUnsignedLongLong(value);
}

static PyObject *from_struct(const struct layout *layout, const void *data)
{
	PyObject *result = PyStructSequence_New(layout->type);

	for (size_t i = 0; result && i < layout->count; i++) {
		const struct member *member = &layout->members[i];
		PyObject *value = from_member(member, (const uint8_t *)data + member->offset);

		if (value)
			PyStructSequence_SetItem(result, (Py_ssize_t)i, value);
		else
			Py_CLEAR(result);
	}
	return result;
}

static PyObject *from_structs(const struct layout *layout, const void *data, size_t count)
{
	PyObject *list = PyList_New((Py_ssize_t)count);

	for (size_t i = 0; list && i < count; i++) {
		PyObject *item = from_struct(layout, (const uint8_t *)data + i * layout->size);

		if (!item || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
			Py_CLEAR(list);
	}
	return list;
}

/* Room for results whose number only the library knows: at first `count`, then twice as many. */
static int grow(void **data, size_t *count, size_t size)
{
	size_t wanted = *data ? *count * 2 : *count;
	void *room = wanted <= 1 << 20 ? calloc(wanted + 1, size) : NULL;

	if (!room) {
		PyErr_NoMemory();
		return -1;
	}
	free(*data);
	*data = room;
	*count = wanted;
	return 0;
}

static int to_member(const struct member *member, PyObject *value, uint8_t *at)
{
	const unsigned int bits = member->size * 8u;
	uint64_t number = 0;
	int64_t negative = 0;

	if (member->is_bytes)
		return 0;
	if (member->is_signed ? as_signed(value, (int64_t)((1ull << (bits - 1)) - 1), member->name,
					  &negative) :
				as_unsigned(value, bits == 64 ? UINT64_MAX : (1ull << bits) - 1,
					    member->name, &number))
		return -1;
	number = member->is_signed ? (uint64_t)negative : number;
	switch (member->size) {
	case 1: *at = (uint8_t)number; break;
	case 2: { uint16_t v = (uint16_t)number; memcpy(at, &v, 2); break; }
	case 4: { uint32_t v = (uint32_t)number; memcpy(at, &v, 4); break; }
	default: memcpy(at, &number, 8);
	}
	return 0;
}

/* Not any iterable: a session would be waited for. */
static PyObject *as_tuple(PyObject *value)
{
	if (PySequence_Check(value))
		return PySequence_Tuple(value);
	return PyErr_Format(PyExc_TypeError, "a sequence is wanted, not %R", (PyObject *)Py_TYPE(value));
}

/* A sequence in the order of the members; what is not there is 0. */
static int to_struct(const struct layout *layout, PyObject *item, uint8_t *at)
{
	PyObject *values = as_tuple(item);
	Py_ssize_t count = values ? PyTuple_Size(values) : -1;

	if (count > (Py_ssize_t)layout->count) {
		PyErr_Format(PyExc_TypeError, "%s has %zu members, not %zd", layout->name,
			     layout->count, count);
		Py_CLEAR(values);
	}
	for (Py_ssize_t i = 0; values && i < count; i++)
		if (to_member(&layout->members[i], PyTuple_GetItem(values, i),
			      at + layout->members[i].offset) < 0)
			Py_CLEAR(values);
	Py_XDECREF(values);
	return values ? 0 : -1;
}

static int to_structs(const struct layout *layout, PyObject *value, void **ret_data,
		      size_t *ret_count)
{
	PyObject *items = as_tuple(value);
	size_t count = items ? (size_t)PyTuple_Size(items) : 0;
	uint8_t *data = items ? calloc(count + 1, layout->size) : NULL;

	for (size_t i = 0; data && i < count; i++)
		if (to_struct(layout, PyTuple_GetItem(items, (Py_ssize_t)i),
			      data + i * layout->size) < 0) {
			free(data);
			data = NULL;
		}
	Py_XDECREF(items);
	if (!data && !PyErr_Occurred())
		PyErr_NoMemory();
	*ret_data = data;
	*ret_count = count;
	return data ? 0 : -1;
}

#endif
