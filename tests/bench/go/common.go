// SPDX-License-Identifier: MIT

// What all programs of this folder know of themselves. A program is this file and some of
// the others: ../bindings.py and ../binding_tables.py say which.
package main

import "syscall"

func usage() (usage syscall.Rusage) {
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func cpu(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}
