// SPDX-License-Identifier: MIT

package main

import (
	"log"

	"github.com/florianl/go-nfqueue/v2"
)

func tune(queue *nfqueue.Nfqueue, size int) (buffer int, port uint32) {
	fd, err := queue.Fd()
	if err != nil {
		log.Fatal(err)
	}
	return granted(fd, size)
}
