/* SPDX-License-Identifier: MIT */
/*
 * Fields, by the library's own tables: attributes and items, read and written.
 */
#ifndef NFBIND_PYTHON_FIELD_H
#define NFBIND_PYTHON_FIELD_H

#include <arpa/inet.h>

#include "argument.h"

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

#endif
