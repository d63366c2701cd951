// SPDX-License-Identifier: MIT

// What all programs of this folder know of themselves. A program is this file and some of
// the others: ../bindings.py and ../binding_tables.py say which.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"syscall"
)

// cpu is the processor's time until now, in nanoseconds.
func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// peakKB is not ru_maxrss, which would be the driver's: it survives exec.
func peakKB() (kb uint64) {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kb)
	}
	return kb
}
