// SPDX-License-Identifier: MIT

// A list of the connection table, as anybody would write it in Go; the lines are those of
// table_common.c.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

func main() {
	fmt.Println(`{"ready": true}`)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		start, before := time.Now(), usage()
		ops, digest := read()
		wall, after := time.Since(start), usage()
		fmt.Printf("{\"ops\": %d, \"errors\": 0, \"digest\": %d, \"wall_ns\": %d, \"cpu_ns\": %d, \"rss_kb\": %d}\n",
			ops, digest, wall.Nanoseconds(), cpu(after)-cpu(before), peakKB())
	}
}

func usage() (usage syscall.Rusage) {
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func cpu(usage syscall.Rusage) int64 {
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// peakKB is not ru_maxrss, which would be the driver's: it survives exec.
func peakKB() (kb uint64) {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kb)
	}
	return kb
}

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
