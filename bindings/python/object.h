/* SPDX-License-Identifier: MIT */
/*
 * One shape of object: a pointer of the library's, what it lies in, who uses it just now,
 * and when it goes; its errors, and views of bytes that stay. The GIL is the lock of all.
 */
#ifndef NFBIND_PYTHON_OBJECT_H
#define NFBIND_PYTHON_OBJECT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Their users' own attributes stay where they are. */
static PyObject *swap(struct object *object, struct object *other)
{
	struct object former = *object;

	if (object->users > 0 || other->users > 0)
		return raise_text(EBUSY, "another thread is using it");
	if (object->exports > 0 || other->exports > 0) {
		PyErr_SetString(PyExc_BufferError, "a view of its bytes is still in use");
		return NULL;
	}
	object->pointer = other->pointer;
	object->owner = other->owner;
	object->is_owned = other->is_owned;
	other->pointer = former.pointer;
	other->owner = former.owner;
	other->is_owned = former.is_owned;
	Py_RETURN_NONE;
}

static bool is_kind(PyObject *type, PyTypeObject *base)
{
	return PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, base);
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

#endif
