// SPDX-License-Identifier: MIT

package nfbind

import "iter"

// Connections ranges over the connections that a filter lets through; nil is all of them.
func (conntrack *Conntrack) Connections(filter *Filter) iter.Seq2[*Ct, error] {
	return entries(func() (*List, error) { return conntrack.ListCt(filter, ListKindTable, 0) }, (*List).NextCt)
}

// Expectations ranges over the expectations of a master connection; nil is all of them.
func (conntrack *Conntrack) Expectations(master *Exp) iter.Seq2[*Exp, error] {
	return entries(func() (*List, error) { return conntrack.ListExp(master) }, (*List).NextExp)
}

// entries ends with the list, or with the error that it gives out.
func entries[T any](begin func() (*List, error), next func(*List) (*T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		list, err := begin()
		if err != nil {
			yield(nil, err)
			return
		}
		defer list.Free()
		for {
			one, err := next(list)
			if one == nil && err == nil || !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// String is the connection in one line.
func (ct *Ct) String() string { return printed(ct.Print(FormatLine, 0, nil)) }

// String is the expectation in one line.
func (exp *Exp) String() string { return printed(exp.Print(FormatLine)) }

func printed(text string, err error) string {
	if err != nil {
		return err.Error()
	}
	return text
}
