// SPDX-License-Identifier: MIT

// go-nfqueue as its documentation says to use it: the peer, or the module with its API on nfbind.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"math"
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
	consumer := &consumer{queue: queue, start: make(chan uint64), done: make(chan struct{})}
	err = queue.RegisterWithErrorFunc(context.Background(), consumer.see, func(err error) int { log.Fatal(err); return 1 })
	if err != nil {
		log.Fatal(err)
	}
	granted, port := tune(queue, int(options["receive_buffer"]))
	fmt.Printf("{\"ready\": true, \"receive_buffer\": %d, \"forced\": false, \"port_ids\": [%d]}\n", granted, port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		consumer.serve(lines)
	}
}

type consumer struct {
	queue                        *nfqueue.Nfqueue
	start                        chan uint64
	done                         chan struct{}
	wanted, seen, fields, amount uint64
}

func (consumer *consumer) see(packet nfqueue.Attribute) int {
	if consumer.wanted == 0 {
		consumer.wanted = <-consumer.start
	}
	consumer.fields += uint64(*packet.PacketID) + uint64(*packet.HwProtocol) + uint64(*packet.Hook)
	if packet.Mark != nil {
		consumer.fields += uint64(*packet.Mark)
	}
	consumer.amount += uint64(len(*packet.Payload))
	if err := consumer.queue.SetVerdict(*packet.PacketID, nfqueue.NfAccept); err != nil {
		log.Fatal(err)
	}
	if consumer.seen++; consumer.seen == consumer.wanted {
		consumer.done <- struct{}{}
		consumer.wanted = 0
	}
	return 0
}

// serve answers "go N", or "run" and "stop".
func (consumer *consumer) serve(lines *bufio.Scanner) {
	before := usage()
	consumer.seen, consumer.fields, consumer.amount = 0, 0, 0
	var count uint64
	if _, err := fmt.Sscanf(lines.Text(), "go %d", &count); err == nil {
		consumer.start <- count
		<-consumer.done
	} else {
		consumer.start <- math.MaxUint64
		lines.Scan() // nothing more comes then: the figures stand still
	}
	after := usage()
	fmt.Printf("{\"packets\": %d, \"fields\": %d, \"bytes\": %d, \"cpu_ns\": %d, \"syscalls\": 0, "+
		"\"errors\": 0, \"overruns\": 0, \"rss_kb\": %d}\n", consumer.seen, consumer.fields, consumer.amount,
		cpu(after)-cpu(before), after.Maxrss)
}

func usage() (usage syscall.Rusage) {
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func cpu(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// granted is the receive buffer of the size that the kernel allows, and the socket's port.
func granted(fd, size int) (buffer int, port uint32) {
	if size > 0 && syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, size) != nil {
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
	}
	buffer, _ = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	address, _ := syscall.Getsockname(fd)
	if netlink, ok := address.(*syscall.SockaddrNetlink); ok {
		port = netlink.Pid
	}
	return buffer, port
}
