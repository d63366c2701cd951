// SPDX-License-Identifier: MIT

// The peer: go-nfqueue, as its documentation says to use it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"

	"github.com/florianl/go-nfqueue/v2"
)

func main() {
	options := map[string]uint32{}
	for _, word := range os.Args[2:] {
		key, value, _ := strings.Cut(word, "=")
		var number uint32
		fmt.Sscan(value, &number)
		options[key] = number
	}
	queue, err := nfqueue.Open(&nfqueue.Config{NfQueue: uint16(options["queue"]), MaxPacketLen: 0xffff,
		MaxQueueLen: options["max_length"], Copymode: nfqueue.NfQnlCopyPacket})
	if err != nil {
		log.Fatal(err)
	}
	start, done := make(chan uint64), make(chan [3]uint64)
	var wanted, seen, fields, size uint64
	see := func(packet nfqueue.Attribute) int {
		if wanted == 0 {
			wanted = <-start
		}
		fields += uint64(*packet.PacketID) + uint64(*packet.HwProtocol) + uint64(*packet.Hook)
		if packet.Mark != nil {
			fields += uint64(*packet.Mark)
		}
		size += uint64(len(*packet.Payload))
		if err := queue.SetVerdict(*packet.PacketID, nfqueue.NfAccept); err != nil {
			log.Fatal(err)
		}
		if seen++; seen == wanted {
			done <- [3]uint64{seen, fields, size}
			wanted, seen, fields, size = 0, 0, 0, 0
		}
		return 0
	}
	err = queue.RegisterWithErrorFunc(context.Background(), see, func(err error) int { log.Fatal(err); return 1 })
	if err != nil {
		log.Fatal(err)
	}
	granted, port := tune(queue, int(options["receive_buffer"]))
	fmt.Printf("{\"ready\": true, \"receive_buffer\": %d, \"forced\": false, \"port_ids\": [%d]}\n", granted, port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var count uint64
		fmt.Sscanf(lines.Text(), "go %d", &count)
		before := usage()
		start <- count
		result := <-done
		after := usage()
		fmt.Printf("{\"packets\": %d, \"fields\": %d, \"bytes\": %d, \"cpu_ns\": %d, \"syscalls\": 0, "+
			"\"errors\": 0, \"overruns\": 0, \"rss_kb\": %d}\n", result[0], result[1], result[2],
			cpu(after)-cpu(before), after.Maxrss)
	}
}

// tune grants the peer the same room, and says what the driver wants to know of its socket.
func tune(queue *nfqueue.Nfqueue, size int) (granted int, port uint32) {
	conn, err := queue.Con.SyscallConn()
	if err != nil {
		log.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, size) != nil {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
		}
		granted, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		address, _ := syscall.Getsockname(int(fd))
		if netlink, ok := address.(*syscall.SockaddrNetlink); ok {
			port = netlink.Pid
		}
	})
	return granted, port
}

func usage() (usage syscall.Rusage) {
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func cpu(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}
