// SPDX-License-Identifier: MIT

// A list of the connection table, as anybody would write it in Go.
package main

import (
	"context"
	"log"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

func read() (ops, digest uint64) {
	conntrack, err := nfbind.OpenConntrack(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer conntrack.Close()
	for ct, err := range conntrack.Connections(nil) {
		if err != nil {
			log.Fatal(err)
		}
		digest += seen(ct)
		ops++
	}
	return ops, digest
}

func seen(ct *nfbind.Ct) uint64 {
	origSrc, _ := ct.OrigSrc()
	origDst, _ := ct.OrigDst()
	replSrc, _ := ct.ReplSrc()
	replDst, _ := ct.ReplDst()
	origPortSrc, _ := ct.OrigPortSrc()
	origPortDst, _ := ct.OrigPortDst()
	replPortSrc, _ := ct.ReplPortSrc()
	replPortDst, _ := ct.ReplPortDst()
	protocol, _ := ct.OrigL4proto()
	mark, _ := ct.Mark()
	digest := uint64(origPortSrc) + uint64(origPortDst) + uint64(replPortSrc) + uint64(replPortDst) + uint64(protocol) +
		uint64(mark)*1000 + uint64(origSrc.As4()[3]) + uint64(origDst.As4()[3]) + uint64(replSrc.As4()[3]) +
		uint64(replDst.As4()[3])
	if timeout, _ := ct.Timeout(); timeout > 0 {
		digest++
	}
	return digest
}
