// SPDX-License-Identifier: MIT

// Package nfqueue lets programs that were written for github.com/florianl/go-nfqueue/v2 run on
// nfbind: change the import path, and nothing else.
//
//	import nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue"
//
// Packets are received many at a time and verdicts leave together. None waits long for that: a
// verdict leaves at once when no other packet is at hand or none left for 0.1 ms, and a millisecond
// later when a hook does not return.
//
// What differs on purpose is said in nfbind's doc/migration.md. The one thing that is left out is the
// field Con: there is no netlink.Conn here, and what is called on it does not compile.
// [Nfqueue.SetReadBuffer], [Nfqueue.SetWriteBuffer] and [Nfqueue.Fd] are there instead.
//
// Programs for the older API, whose packets are maps, import
// github.com/nfbind/nfbind/dropins/go-nfqueue/old.
package nfqueue
