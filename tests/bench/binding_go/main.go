// SPDX-License-Identifier: MIT

// nfbind in Go; the lines are those of bench_common.h.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

func main() {
	options := map[string]uint32{}
	for _, word := range os.Args[2:] {
		key, value, _ := strings.Cut(word, "=")
		var number uint32
		fmt.Sscan(value, &number)
		options[key] = number
	}
	number := uint16(options["queue"])
	queue, err := nfbind.Open(context.Background(), number, nfbind.WithReceiveBuffer(options["receive_buffer"]),
		nfbind.WithMaxlen(options["max_length"]), nfbind.WithGSO(false))
	if err != nil {
		log.Fatal(err)
	}
	stats, err := queue.ReadStats(number)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"ready\": true, \"receive_buffer\": %d, \"forced\": false, \"port_ids\": [%d]}\n", stats.ReceiveBuffer,
		stats.PortID)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var count uint64
		fmt.Sscanf(lines.Text(), "go %d", &count)
		before := usage()
		seen, fields, size := drain(queue, count)
		after := usage()
		fmt.Printf("{\"packets\": %d, \"fields\": %d, \"bytes\": %d, \"cpu_ns\": %d, \"syscalls\": 0, "+
			"\"errors\": 0, \"overruns\": 0, \"rss_kb\": %d}\n", seen, fields, size,
			cpu(after)-cpu(before), after.Maxrss)
	}
}

func usage() (usage syscall.Rusage) {
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func cpu(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func drain(queue *nfbind.Queue, count uint64) (seen, fields, size uint64) {
	var payload []byte
	for packet, err := range queue.Packets(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		id, _ := packet.ID()
		protocol, _ := packet.HwProtocol()
		hook, _ := packet.Hook()
		mark, _ := packet.Mark()
		payload, _ = packet.AppendPayload(payload[:0])
		fields += uint64(id) + uint64(protocol) + uint64(hook) + uint64(mark)
		size += uint64(len(payload))
		if err = packet.Accept(); err != nil {
			log.Fatal(err)
		}
		if seen++; seen == count {
			break
		}
	}
	if err := queue.Settle(); err != nil {
		log.Fatal(err)
	}
	return seen, fields, size
}
