// SPDX-License-Identifier: MIT

// What a program that lists the connection table says to the driver, in the lines of
// table_common.c; read() is another file's.
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

func main() {
	fmt.Println(`{"ready": true}`)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		start, before := time.Now(), cpu()
		ops, digest := read()
		wall, after := time.Since(start), cpu()
		fmt.Printf("{\"ops\": %d, \"errors\": 0, \"digest\": %d, \"wall_ns\": %d, \"cpu_ns\": %d, \"rss_kb\": %d}\n",
			ops, digest, wall.Nanoseconds(), after-before, peakKB())
	}
}
