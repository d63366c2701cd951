/* SPDX-License-Identifier: MIT */
/*
 * What all generated wrappers share. Nothing in it knows a single object or function of
 * nfbind but the tables of fields.
 */
#ifndef NFBIND_PYTHON_RUNTIME_H
#define NFBIND_PYTHON_RUNTIME_H

#include "object.h"   /* what an object is, and when it goes */
#include "argument.h" /* what comes in, and time */
#include "struct.h"   /* plain structs */
#include "field.h"    /* fields by the library's tables */

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
