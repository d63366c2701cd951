// SPDX-License-Identifier: MIT

// nfbind in Go.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

func main() {
	options := options()
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
	ready(stats.ReceiveBuffer, stats.PortID)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var count uint64
		fmt.Sscanf(lines.Text(), "go %d", &count)
		report(func() (seen, fields, size uint64) { return drain(queue, count) })
	}
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
