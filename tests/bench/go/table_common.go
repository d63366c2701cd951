// SPDX-License-Identifier: MIT

// What a program that lists the connection table says to the driver, in the lines of
// table_common.c; read() is another file's.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	fmt.Println(`{"ready": true}`)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		start, before := time.Now(), usage()
		ops, digest := read()
		wall, after := time.Since(start), usage()
		fmt.Printf("{\"ops\": %d, \"errors\": 0, \"digest\": %d, \"wall_ns\": %d, \"cpu_ns\": %d, \"rss_kb\": %d}\n",
			ops, digest, wall.Nanoseconds(), cpu(after)-cpu(before), peakKB())
	}
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
