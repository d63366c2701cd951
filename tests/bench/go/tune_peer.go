// SPDX-License-Identifier: MIT

package main

import (
	"log"

	"github.com/florianl/go-nfqueue/v2"
)

func tune(queue *nfqueue.Nfqueue, size int) (buffer int, port uint32) {
	conn, err := queue.Con.SyscallConn()
	if err != nil {
		log.Fatal(err)
	}
	conn.Control(func(fd uintptr) { buffer, port = granted(int(fd), size) })
	return buffer, port
}
