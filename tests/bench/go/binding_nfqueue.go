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
	"syscall"

	"github.com/florianl/go-nfqueue/v2"
)

func main() {
	options := options()
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
	ready(uint32(granted), port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		report(func() (seen, fields, size uint64) { return consumer.serve(lines) })
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
func (consumer *consumer) serve(lines *bufio.Scanner) (seen, fields, size uint64) {
	consumer.seen, consumer.fields, consumer.amount = 0, 0, 0
	var count uint64
	if _, err := fmt.Sscanf(lines.Text(), "go %d", &count); err == nil {
		consumer.start <- count
		<-consumer.done
	} else {
		consumer.start <- math.MaxUint64
		lines.Scan() // nothing more comes then: the figures stand still
	}
	return consumer.seen, consumer.fields, consumer.amount
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
