// SPDX-License-Identifier: MIT

// What the scenarios in Go share.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

var ctx = context.Background()

func say(words ...any) {
	fmt.Println(words...)
}

// must ends the program at an error that nobody expects.
func must[T any](value T, err error) T {
	expectNone(err)
	return value
}

func expectNone(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// refused says what an operation came to: done, or the name of the error.
func refused(what string, err error) {
	var e *nfbind.Error
	switch {
	case err == nil:
		say(what+":", "done")
	case errors.As(err, &e):
		say(what+":", nfbind.ErrorName(int32(e.Errno)))
	default:
		expectNone(err)
	}
}

func showExpectations(conntrack *nfbind.Conntrack) {
	for entry, err := range conntrack.Expectations(nil) {
		expectNone(err)
		from, _ := entry.ExpectedSrc()
		to, _ := entry.ExpectedDst()
		port, _ := entry.ExpectedPortDst()
		master, _ := entry.MasterSrc()
		masterPort, _ := entry.MasterPortSrc()
		helper, _ := entry.HelperName()
		say("expected:", from, ">", fmt.Sprintf("%s:%d", to, port), "master", fmt.Sprintf("%s:%d", master, masterPort),
			"helper", helper)
	}
}
