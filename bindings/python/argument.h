/* SPDX-License-Identifier: MIT */
/*
 * What comes in: positional and named arguments, numbers, text, objects, dictionaries that
 * stand for objects, buffers; and what is left of a wait that a signal broke.
 */
#ifndef NFBIND_PYTHON_ARGUMENT_H
#define NFBIND_PYTHON_ARGUMENT_H

#include <time.h>

#include "object.h"

/* Words that start with "?" may be left out; in[] borrows from the call. */
static int take(const char *const *words, int count, PyObject *const *args, Py_ssize_t nargs,
		PyObject *names, PyObject **in)
{
	Py_ssize_t named = names ? PyTuple_Size(names) : 0;
	int i;

	if (nargs > count) {
		PyErr_Format(PyExc_TypeError, "%d arguments at most, %zd given", count, nargs);
		return -1;
	}
	for (i = 0; i < count; i++)
		in[i] = i < nargs ? args[i] : NULL;
	for (Py_ssize_t n = 0; n < named; n++) {
		PyObject *name = PyTuple_GetItem(names, n);

		for (i = 0; i < count; i++)
			if (!PyUnicode_CompareWithASCIIString(name, words[i] + (*words[i] == '?')))
				break;
		if (i == count || in[i]) {
			PyErr_Format(PyExc_TypeError, "argument %R is %s", name,
				     i == count ? "unknown" : "there twice");
			return -1;
		}
		in[i] = args[nargs + n];
	}
	for (i = 0; i < count; i++)
		if (!in[i] && *words[i] != '?') {
			PyErr_Format(PyExc_TypeError, "argument '%s' is missing", words[i]);
			return -1;
		}
	return 0;
}

/* The same for a constructor, whose arguments come as a tuple and a dictionary. */
static int take_new(const char *const *words, int count, PyObject *args, PyObject *named,
		    PyObject **in)
{
	Py_ssize_t nargs = PyTuple_Size(args), used = 0;

	for (int i = 0; i < count; i++) {
		PyObject *value = named ? PyDict_GetItemString(named, words[i]) : NULL;

		used += value != NULL;
		in[i] = i < nargs ? PyTuple_GetItem(args, i) : value;
		if (!in[i] || (i < nargs && value)) {
			PyErr_Format(PyExc_TypeError, "argument '%s' is %s", words[i],
				     value ? "there twice" : "missing");
			return -1;
		}
	}
	if (nargs > count || (named && PyDict_Size(named) > used)) {
		PyErr_Format(PyExc_TypeError, "%d arguments at most", count);
		return -1;
	}
	return 0;
}

static int as_unsigned(PyObject *value, uint64_t most, const char *name, uint64_t *ret_value)
{
	PyObject *index = PyNumber_Index(value);
	uint64_t number = index ? PyLong_AsUnsignedLongLong(index) : 0;

	Py_XDECREF(index);
	if (!index)
		return -1;
	if (PyErr_Occurred() || number > most) {
		PyErr_Format(PyExc_OverflowError, "%s is not from 0 to %llu", name,
			     (unsigned long long)most);
		return -1;
	}
	*ret_value = number;
	return 0;
}

static int as_signed(PyObject *value, int64_t most, const char *name, int64_t *ret_value)
{
	PyObject *index = PyNumber_Index(value);
	int64_t number = index ? PyLong_AsLongLong(index) : 0;

	Py_XDECREF(index);
	if (!index)
		return -1;
	if (PyErr_Occurred() || number > most || number < -most - 1) {
		PyErr_Format(PyExc_OverflowError, "%s is not from %lld to %lld", name,
			     (long long)-most - 1, (long long)most);
		return -1;
	}
	*ret_value = number;
	return 0;
}

static int as_text(PyObject *value, bool is_nullable, const char *name, const char **ret_text)
{
	Py_ssize_t len;
	const char *text;

	if (is_nullable && (!value || value == Py_None))
		return 0;
	text = PyUnicode_AsUTF8AndSize(value, &len);
	if (text && strlen(text) != (size_t)len) {
		PyErr_Format(PyExc_ValueError, "%s holds a NUL", name);
		return -1;
	}
	*ret_text = text;
	return text ? 0 : -1;
}

/* None, or nothing, where `is_nullable`. */
static int as_object(PyObject *value, PyTypeObject *type, bool is_nullable, const char *name,
		     struct object **ret_object)
{
	*ret_object = NULL;
	if (is_nullable && (!value || value == Py_None))
		return 0;
	if (!PyObject_TypeCheck(value, type)) {
		PyErr_Format(PyExc_TypeError, "%s has the wrong type: %R", name,
			     (PyObject *)Py_TYPE(value));
		return -1;
	}
	*ret_object = (struct object *)value;
	return 0;
}

/* An object of a type with fields may be given as a dictionary of them: it is made, in its place. */
static int make_from_dict(PyObject **value, PyTypeObject *type, PyObject **ret_made)
{
	PyObject *key, *item;
	Py_ssize_t at = 0;

	if (!*value || !PyDict_Check(*value))
		return 0;
	*ret_made = PyObject_CallNoArgs((PyObject *)type);
	while (*ret_made && PyDict_Next(*value, &at, &key, &item))
		if (PyObject_SetItem(*ret_made, key, item) < 0) {
			if (PyErr_ExceptionMatches(PyExc_KeyError))
				PyErr_Format(PyExc_TypeError, "there is no field or option %R", key);
			return -1;
		}
	*value = *ret_made;
	return *ret_made ? 0 : -1;
}

static int as_bytes(PyObject *value, bool is_nullable, Py_buffer *buffer)
{
	if (is_nullable && (!value || value == Py_None))
		return 0;
	return PyObject_GetBuffer(value, buffer, PyBUF_SIMPLE);
}

static PyObject *text_or_none(const char *text)
{
	if (!text)
		Py_RETURN_NONE;
	return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape");
}

/* Time: how long to wait, in milliseconds, and what is left of a wait that a signal broke. */

static int as_timeout(PyObject *value, int64_t *ret_timeout)
{
	double seconds = value && value != Py_None ? PyFloat_AsDouble(value) : -1;

	if (seconds == -1 && PyErr_Occurred())
		return -1;
	if (seconds != seconds) {
		PyErr_SetString(PyExc_ValueError, "timeout is not a number");
		return -1;
	}
	if (seconds < 0)
		*ret_timeout = -1;
	else if (seconds >= INT32_MAX / 1000)
		*ret_timeout = INT32_MAX;
	else
		/* Rounded up: whoever waits for a moment does not ask in a circle. */
		*ret_timeout = (int64_t)(seconds * 1000) + ((int64_t)(seconds * 1000) < seconds * 1000);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t left_of(int32_t timeout, int64_t start)
{
	int64_t left = timeout - (now_ms() - start);

	return timeout < 0 ? timeout : left > 0 ? (int32_t)left : 0;
}

#endif
