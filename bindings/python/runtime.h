/* SPDX-License-Identifier: MIT */
/*
 * What all generated wrappers share: one shape of object, arguments, numbers,
 * errors, plain structs by their layout, and fields by the library's own tables.
 * Nothing here knows a single object or function of nfbind but the tables of
 * fields. The GIL is the lock of everything in an object.
 */
#ifndef NFBIND_PYTHON_RUNTIME_H
#define NFBIND_PYTHON_RUNTIME_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nfbind/nfbind.h>

/*
 * A wrapper. A borrowed one lives in its owner, which it keeps alive; an owned
 * one (a hold counts) has its session as owner, or nobody.
 */
struct object {
	PyObject_HEAD
	void *pointer;        /* NULL once freed */
	struct object *owner;
	bool is_owned;
	bool is_busy;         /* a call that is for one thread runs without the GIL */
	uint32_t users;       /* calls that run without the GIL */
	uint32_t exports;     /* views of its bytes */
};

struct sentence {
	int error;
	const char *text;
};

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

typedef PyObject *(*method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

/* An object that a field holds: its kind, how to read it and how to write it. */
struct nested {
	uint32_t kind;
	method get;
	method set;
};

/* The seven functions of an object with fields. */
struct family {
	const struct nfbind_fields *(*fields)(void);
	int (*has)(const void *, uint32_t);
	int (*clear)(void *, uint32_t);
	int (*get_number)(const void *, uint32_t, uint64_t *);
	int (*set_number)(void *, uint32_t, uint64_t);
	int (*get_bytes)(const void *, uint32_t, const void **, size_t *);
	int (*set_bytes)(void *, uint32_t, const void *, size_t);
	const struct nested *nested;
	const struct sentence *errors; /* of clear, get and set together */
};

struct field {
	const struct family *family;
	uint32_t number;
	uint32_t kind;
};

static PyObject *error_type;
static PyTypeObject *view_type;

/* Errors. */

static PyObject *raise_text(int error, const char *text)
{
	PyObject *value = Py_BuildValue("(is)", error, text);

	if (value)
		PyErr_SetObject(error_type, value);
	Py_XDECREF(value);
	return NULL;
}

/* `text` is what the object itself says, or "". */
static PyObject *fail(int r, const struct sentence *errors, const char *text)
{
	for (; !*text && errors && errors->error; errors++)
		if (errors->error == -r)
			text = errors->text;
	return raise_text(-r, *text ? text : strerror(-r));
}

/* Objects. */

static bool is_alive(const struct object *object)
{
	for (; object; object = object->owner) {
		if (!object->pointer)
			return false;
		if (object->is_owned || !object->owner)
			return true;
	}
	return false;
}

/* `is_any`: the function may run beside others on this object. */
static int check(const struct object *object, bool is_any, const char *name)
{
	char text[80];

	if (object && !is_alive(object)) {
		snprintf(text, sizeof(text), "the %s was freed", name);
		raise_text(EBADF, text);
		return -1;
	}
	if (object && object->is_busy && !is_any) {
		snprintf(text, sizeof(text), "another thread is using the %s", name);
		raise_text(EBUSY, text);
		return -1;
	}
	return 0;
}

static void enter(struct object *object, bool is_any)
{
	if (object) {
		object->users++;
		object->is_busy |= !is_any;
	}
}

static void leave(struct object *object, bool is_any)
{
	if (object) {
		object->users--;
		if (!is_any)
			object->is_busy = false;
	}
}

/* What an owned result belongs to: the last of the owners. */
static struct object *session_of(struct object *object)
{
	while (object && object->owner)
		object = object->owner;
	return object;
}

static PyObject *wrap(PyTypeObject *type, void *pointer, struct object *owner, bool is_owned)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
	struct object *object = (struct object *)alloc(type, 0);

	if (!object)
		return NULL;
	object->pointer = pointer;
	object->is_owned = is_owned;
	object->owner = owner;
	Py_XINCREF((PyObject *)owner);
	return (PyObject *)object;
}

static void destroy(PyObject *self, void (*release)(void *), bool blocks)
{
	struct object *object = (struct object *)self;
	PyTypeObject *type = Py_TYPE(self);
	freefunc free_self = (freefunc)PyType_GetSlot(type, Py_tp_free);
	PyThreadState *state = NULL;

	if (object->is_owned && object->pointer && release) {
		if (blocks)
			state = PyEval_SaveThread();
		release(object->pointer);
		if (blocks)
			PyEval_RestoreThread(state);
	}
	Py_XDECREF((PyObject *)object->owner);
	free_self(self);
	Py_DECREF(type);
}

/* The method `free`: twice is fine, while somebody uses it is not. */
static PyObject *release_now(PyObject *self, void (*release)(void *), bool blocks)
{
	struct object *object = (struct object *)self;
	void *pointer = object->pointer;
	PyThreadState *state = NULL;

	if (object->users > 0)
		return raise_text(EBUSY, "another thread is using it");
	if (object->exports > 0) {
		PyErr_SetString(PyExc_BufferError, "a view of its bytes is still in use");
		return NULL;
	}
	object->pointer = NULL;
	if (object->is_owned && pointer) {
		if (blocks)
			state = PyEval_SaveThread();
		release(pointer);
		if (blocks)
			PyEval_RestoreThread(state);
	}
	Py_RETURN_NONE;
}

/* `session`: the object at the end of the owners; a packet's queue. */
static PyObject *object_session(PyObject *self, void *closure)
{
	PyObject *session = (PyObject *)((struct object *)self)->owner;

	session = session ? (PyObject *)session_of((struct object *)session) : Py_None;
	return Py_NewRef(session);
}

/* Views of bytes that stay until their object is freed. */

struct view {
	PyObject_HEAD
	struct object *object;
	const void *data;
	size_t len;
};

static PyObject *make_view(struct object *object, const void *data, size_t len)
{
	allocfunc alloc = (allocfunc)PyType_GetSlot(view_type, Py_tp_alloc);
	struct view *view = (struct view *)alloc(view_type, 0);
	PyObject *result;

	if (!view)
		return NULL;
	view->object = object;
	view->data = data;
	view->len = len;
	Py_INCREF((PyObject *)object);
	object->exports++;
	result = PyMemoryView_FromObject((PyObject *)view);
	Py_DECREF((PyObject *)view);
	return result;
}

static int view_get(PyObject *self, Py_buffer *buffer, int flags)
{
	struct view *view = (struct view *)self;

	return PyBuffer_FillInfo(buffer, self, (void *)(uintptr_t)view->data,
				 (Py_ssize_t)view->len, 1, flags);
}

static void view_destroy(PyObject *self)
{
	struct view *view = (struct view *)self;
	PyTypeObject *type = Py_TYPE(self);
	freefunc free_self = (freefunc)PyType_GetSlot(type, Py_tp_free);

	view->object->exports--;
	Py_DECREF((PyObject *)view->object);
	free_self(self);
	Py_DECREF(type);
}

/* Arguments. */

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

/* Time: what is left of a wait that a signal broke. */

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

/* Plain structs. */

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

/* Fields. */

static const struct nested *nested_of(const struct field *field)
{
	for (const struct nested *nested = field->family->nested; nested->kind; nested++)
		if (nested->kind == field->kind)
			return nested;
	return NULL;
}

/* Addresses are text, "192.0.2.1" or "2001:db8::1". */
static PyObject *get_bytes_field(const struct field *field, const void *pointer)
{
	char text[INET6_ADDRSTRLEN];
	const void *data;
	size_t len;
	int r = field->family->get_bytes(pointer, field->number, &data, &len);

	if (r == -ENODATA)
		Py_RETURN_NONE;
	if (r < 0)
		return fail(r, field->family->errors, "");
	if (field->kind == NFBIND_KIND_TEXT)
		return PyUnicode_DecodeUTF8(data, (Py_ssize_t)len, "surrogateescape");
	if (field->kind == NFBIND_KIND_ADDRESS)
		return PyUnicode_FromString(inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text,
						      sizeof(text)));
	return PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
}

static PyObject *field_get(PyObject *self, void *closure)
{
	const struct field *field = closure;
	const struct object *object = (const struct object *)self;
	const struct nested *nested;
	uint64_t value;
	int r;

	if (field->kind > NFBIND_KIND_TEXT) {
		nested = nested_of(field);
		/* One that can be set only reads as absent. */
		return nested && nested->get ? nested->get(self, NULL, 0, NULL) : Py_NewRef(Py_None);
	}
	if (check(object, false, "object") < 0)
		return NULL;
	if (field->kind > NFBIND_KIND_U64)
		return get_bytes_field(field, object->pointer);
	r = field->family->get_number(object->pointer, field->number, &value);
	if (r == -ENODATA)
		Py_RETURN_NONE;
	if (r < 0)
		return fail(r, field->family->errors, "");
	return field->kind == NFBIND_KIND_BOOL ? PyBool_FromLong(value != 0) :
						 PyLong_FromUnsignedLongLong(value);
}

/* From text, or from what prints as an address does (module ipaddress). */
static int set_address(const struct field *field, struct object *object, PyObject *value)
{
	PyObject *string = PyObject_Str(value);
	Py_ssize_t len = 0;
	const char *text = string ? PyUnicode_AsUTF8AndSize(string, &len) : NULL;
	uint8_t bytes[16];
	int r = -1;

	if (text && check(object, false, "object") == 0) {
		r = -EINVAL;
		if (strlen(text) != (size_t)len)
			text = "";
		if (inet_pton(AF_INET, text, bytes) == 1)
			r = field->family->set_bytes(object->pointer, field->number, bytes, 4);
		else if (inet_pton(AF_INET6, text, bytes) == 1)
			r = field->family->set_bytes(object->pointer, field->number, bytes, 16);
		if (r < 0)
			fail(r, field->family->errors, "");
	}
	Py_XDECREF(string);
	return r < 0 ? -1 : 0;
}

static int set_bytes_field(const struct field *field, struct object *object, PyObject *value)
{
	Py_buffer buffer = { 0 };
	const char *text;
	Py_ssize_t len;
	int r;

	if (field->kind == NFBIND_KIND_ADDRESS && !PyObject_CheckBuffer(value))
		return set_address(field, object, value);
	if (field->kind == NFBIND_KIND_TEXT && PyUnicode_Check(value)) {
		text = PyUnicode_AsUTF8AndSize(value, &len);
		if (!text || check(object, false, "object") < 0)
			return -1;
		r = field->family->set_bytes(object->pointer, field->number, text, (size_t)len);
	} else {
		if (PyObject_GetBuffer(value, &buffer, PyBUF_SIMPLE) < 0)
			return -1;
		r = check(object, false, "object");
		if (r == 0)
			r = field->family->set_bytes(object->pointer, field->number, buffer.buf,
						     (size_t)buffer.len);
		PyBuffer_Release(&buffer);
	}
	if (r < 0 && !PyErr_Occurred())
		fail(r, field->family->errors, "");
	return r < 0 ? -1 : 0;
}

/* None, or del, makes the field absent. */
static int field_set(PyObject *self, PyObject *value, void *closure)
{
	const struct field *field = closure;
	struct object *object = (struct object *)self;
	bool clears = !value || value == Py_None;
	const struct nested *nested;
	PyObject *result;
	uint64_t number = 0;
	int r;

	if (!clears && (nested = nested_of(field)) && nested->set) {
		result = nested->set(self, &value, 1, NULL);
		Py_XDECREF(result);
		return result ? 0 : -1;
	}
	if (!clears && field->kind > NFBIND_KIND_U64)
		return set_bytes_field(field, object, value);
	if (!clears && as_unsigned(value, UINT64_MAX, "the value", &number) < 0)
		return -1;
	if (check(object, false, "object") < 0)
		return -1;
	r = clears ? field->family->clear(object->pointer, field->number) :
		     field->family->set_number(object->pointer, field->number, number);
	if (r < 0)
		fail(r, field->family->errors, "");
	return r < 0 ? -1 : 0;
}

static int find_field(const struct family *family, PyObject *name, struct field *field)
{
	const struct nfbind_fields *fields = family->fields();
	char own[64];
	const char *text;
	uint64_t number;
	int r;

	field->family = family;
	if (PyUnicode_Check(name)) {
		if (as_text(name, false, "the name", &text) < 0)
			return -1;
		snprintf(own, sizeof(own), "%s", text);
		for (char *c = own; *c; c++)
			*c = *c == '_' ? '-' : *c;
		r = nfbind_fields_find(fields, own, &field->number);
	} else {
		if (as_unsigned(name, UINT32_MAX, "the number", &number) < 0)
			return -1;
		field->number = (uint32_t)number;
		r = number < nfbind_fields_count(fields) ? 0 : -ERANGE;
	}
	if (r < 0)
		PyErr_SetObject(PyExc_KeyError, name);
	else
		field->kind = (uint32_t)nfbind_fields_get_kind(fields, field->number);
	return r < 0 ? -1 : 0;
}

static PyObject *item_get(const struct family *family, PyObject *self, PyObject *name)
{
	struct field field;

	return find_field(family, name, &field) < 0 ? NULL : field_get(self, &field);
}

static int item_set(const struct family *family, PyObject *self, PyObject *name, PyObject *value)
{
	struct field field;

	return find_field(family, name, &field) < 0 ? -1 : field_set(self, value, &field);
}

/* Where the payload lies in the bytes that its owner received, they stay until that is freed. */
static PyObject *payload_view(const struct family *family, PyObject *self,
			      int (*get_data)(const void *, const void **, size_t *))
{
	struct object *object = (struct object *)self, *owner = object->owner;
	const void *data, *all;
	size_t len, all_len;
	PyObject *bytes, *view;
	uint32_t field;
	int r;

	if (check(object, false, "object") < 0)
		return NULL;
	r = nfbind_fields_find(family->fields(), "payload", &field);
	if (r == 0)
		r = family->get_bytes(object->pointer, field, &data, &len);
	if (r < 0 && r != -ENODATA)
		return fail(r, family->errors, "");
	if (r < 0)
		Py_RETURN_NONE;
	if (owner && !object->is_owned && get_data(owner->pointer, &all, &all_len) == 0 &&
	    (uintptr_t)data >= (uintptr_t)all && (uintptr_t)data + len <= (uintptr_t)all + all_len)
		return make_view(owner, data, len);
	bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
	view = bytes ? PyMemoryView_FromObject(bytes) : NULL;
	Py_XDECREF(bytes);
	return view;
}

/* Attributes for all fields of a table; they live as long as the module. */
static PyGetSetDef *make_attributes(const struct family *family)
{
	static const PyGetSetDef session = { "session", object_session, NULL,
					     "The session that it belongs to.", NULL };
	const struct nfbind_fields *fields = family ? family->fields() : NULL;
	uint32_t count = fields ? nfbind_fields_count(fields) : 0;
	PyGetSetDef *attributes = calloc(count + 2, sizeof(*attributes));
	struct field *all = calloc(count + 1, sizeof(*all));

	if (!attributes || !all)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		char *name = strdup(nfbind_fields_get_name(fields, i));

		if (!name)
			return NULL;
		for (char *c = name; *c; c++)
			*c = *c == '-' ? '_' : *c;
		all[i] = (struct field){ family, i, (uint32_t)nfbind_fields_get_kind(fields, i) };
		attributes[i] = (PyGetSetDef){ name, field_get, field_set,
					       nfbind_fields_get_help(fields, i), &all[i] };
	}
	attributes[count] = session;
	return attributes;
}

/* The module. */

static PyTypeObject *make_type(PyObject *module, const char *name, int flags, PyType_Slot *slots)
{
	PyType_Spec spec = { name, sizeof(struct object), 0, (unsigned int)flags, slots };
	PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);

	if (type && PyModule_AddType(module, (PyTypeObject *)type) < 0)
		Py_CLEAR(type);
	return (PyTypeObject *)type;
}

static int add_layout(PyObject *module, struct layout *layout)
{
	PyStructSequence_Field *fields = calloc(layout->count + 1, sizeof(*fields));
	PyStructSequence_Desc desc = { layout->name, "A plain struct.", fields, (int)layout->count };

	for (size_t i = 0; fields && i < layout->count; i++)
		fields[i].name = layout->members[i].name;
	layout->type = fields ? PyStructSequence_NewType(&desc) : NULL;
	return layout->type ? PyModule_AddType(module, layout->type) : -1;
}

static int add_view(PyObject *module)
{
	static PyType_Slot slots[] = { { Py_tp_dealloc, view_destroy },
				       { Py_bf_getbuffer, view_get },
				       { 0, NULL } };
	PyType_Spec spec = { "nfbind.View", sizeof(struct view), 0,
			     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots };

	view_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
	error_type = PyErr_NewExceptionWithDoc("nfbind.Error", "What the library refused, and why.",
					       PyExc_OSError, NULL);
	return view_type && error_type ? PyModule_AddObjectRef(module, "Error", error_type) : -1;
}

#endif
