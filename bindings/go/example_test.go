// SPDX-License-Identifier: MIT

package nfbind_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// Drop what goes to one port, until the program is interrupted.
//
//	iptables -A OUTPUT -p udp -j NFQUEUE --queue-num 5
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	queue, err := nfbind.Open(ctx, 5, nfbind.WithFailOpen(true))
	if err != nil {
		log.Fatal(err)
	}
	defer queue.Close()
	sendOne() // the traffic of this example
	for packet, err := range queue.Packets(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		port, _ := packet.PortDst()
		data, _ := packet.L4Payload()
		fmt.Printf("port %d: %s\n", port, data)
		if port == 9000 {
			err = packet.Drop()
		} else {
			err = packet.Accept()
		}
		if err != nil {
			log.Print(err)
		}
		stop()
	}
	// Output: port 9000: hello
}

func sendOne() {
	conn, err := net.Dial("udp4", "127.0.0.1:9000")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("hello"))
}

// Fields are read as a value and whether there is one.
func ExampleCt() {
	ct, err := nfbind.NewCt()
	if err != nil {
		log.Fatal(err)
	}
	_, ok := ct.Mark()
	fmt.Println("a mark:", ok)
	for _, err := range []error{
		ct.SetOrigSrc(netip.MustParseAddr("192.0.2.1")),
		ct.SetMark(0),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}
	mark, ok := ct.Mark()
	source, _ := ct.OrigSrc()
	fmt.Println("a mark:", mark, ok, "source:", source)
	// Output:
	// a mark: false
	// a mark: 0 true source: 192.0.2.1
}

// A number of the kernel's, and the sentence that says why.
func ExampleError() {
	_, err := nfbind.Open(context.Background(), 6, nfbind.WithNetnsPath("/run/netns/nowhere"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOENT))
	// Output:
	// nfbind: that network namespace could not be entered: No such file or directory
	// true true
}
