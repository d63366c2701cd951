// SPDX-License-Identifier: MIT

// What a consumer says to the driver, in the lines of bench_common.h.
package main

import (
	"fmt"
	"os"
	"strings"
)

// options are the words behind the mode.
func options() map[string]uint32 {
	options := map[string]uint32{}
	for _, word := range os.Args[2:] {
		key, value, _ := strings.Cut(word, "=")
		var number uint32
		fmt.Sscan(value, &number)
		options[key] = number
	}
	return options
}

func ready(buffer, port uint32) {
	fmt.Printf("{\"ready\": true, \"receive_buffer\": %d, \"forced\": false, \"port_ids\": [%d]}\n", buffer, port)
}

// report measures one drain.
func report(drain func() (seen, fields, size uint64)) {
	before := cpu()
	seen, fields, size := drain()
	after := cpu()
	fmt.Printf("{\"packets\": %d, \"fields\": %d, \"bytes\": %d, \"cpu_ns\": %d, \"syscalls\": 0, "+
		"\"errors\": 0, \"overruns\": 0, \"rss_kb\": %d}\n", seen, fields, size,
		after-before, peakKB())
}
