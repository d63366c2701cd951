// SPDX-License-Identifier: MIT

package nfbind

// #include "crossing.h"
// #cgo noescape nfbind_batch_export_headers
// #cgo nocallback nfbind_batch_export_headers
import "C"

import (
	"iter"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// What Go keeps with a batch: a copy of the numbers that a reader usually looks at, made in the
// crossing that received it, and the verdicts that will be given in the next one. Payloads stay
// where they were received, as long as the batch is there: half of them nobody asks for.
type batchState struct {
	packets   []Packet
	summaries []PacketSummary
	headers   []PacketHeaders // under mu; nil until somebody asks for one
	data      unsafe.Pointer  // of the library: where the offsets in the summaries count

	deciding  sync.Mutex
	decisions []Decision
	from      *Queue // nil where it was parsed
	over      bool   // nobody may decide any more
	held      bool
}

type packetState struct {
	batch   *Batch // nil where the packet was made, or kept
	index   int
	decided bool        // under batch.deciding
	changed atomic.Bool // its summary does not tell all any more
}

var errDecided = &Error{syscall.EALREADY, "the packet was decided"}
var errOver = &Error{syscall.EALREADY, "the packet's batch has ended"}

// loaded completes a batch that no queue received.
func (batch *Batch) loaded() {
	count := int(C.nfbind_batch_count((*C.struct_nfbind_batch)(batch.pointer)))
	var turn C.struct_turn
	room := newRoom(count)
	room.unpack((*C.struct_nfbind_batch)(batch.pointer), &turn)
	batch.fill(room, &turn)
}

// Room for what one crossing exports.
type room struct {
	summaries []PacketSummary
	pointers  []*C.struct_nfbind_packet
}

func newRoom(count int) room {
	return room{make([]PacketSummary, count), make([]*C.struct_nfbind_packet, count)}
}

func (r *room) unpack(batch *C.struct_nfbind_batch, turn *C.struct_turn) {
	C.unpack(batch, (*C.struct_nfbind_packet_summary)(unsafe.Pointer(unsafe.SliceData(r.summaries))),
		unsafe.SliceData(r.pointers), C.size_t(len(r.summaries)), C.size_t(unsafe.Sizeof(PacketSummary{})), turn)
}

func (batch *Batch) fill(room room, turn *C.struct_turn) {
	count := int(turn.count)
	batch.summaries = room.summaries[:count]
	batch.data = unsafe.Pointer(turn.data)
	batch.packets = make([]Packet, count)
	for i := range batch.packets {
		packet := &batch.packets[i]
		packet.pointer, packet.owner = unsafe.Pointer(room.pointers[i]), &batch.object
		packet.batch, packet.index = batch, i
	}
}

// Packets ranges over the packets of the batch.
func (batch *Batch) Packets() iter.Seq[*Packet] {
	return func(yield func(*Packet) bool) {
		for i := range batch.packets {
			if !yield(&batch.packets[i]) {
				return
			}
		}
	}
}

// Hold keeps the batch readable past its end, until Free or the garbage collector. Its packets
// cannot be decided any longer for that.
func (batch *Batch) Hold() {
	batch.deciding.Lock()
	batch.held = true
	batch.deciding.Unlock()
}

// decide collects a verdict.
func (batch *Batch) decide(packet *Packet, verdict Verdict) error {
	batch.deciding.Lock()
	defer batch.deciding.Unlock()
	if batch.over {
		return errOver
	}
	if packet.decided {
		return errDecided
	}
	packet.decided = true
	s := &batch.summaries[packet.index]
	batch.decisions = append(batch.decisions, Decision{Queue: s.Queue, ID: s.ID, Index: s.Index, Verdict: uint32(verdict)})
	return nil
}

func (batch *Batch) isOver() bool {
	batch.deciding.Lock()
	defer batch.deciding.Unlock()
	return batch.over
}

// collected takes the verdicts; the last time there are no more to come.
func (batch *Batch) collected(last bool) []Decision {
	batch.deciding.Lock()
	defer batch.deciding.Unlock()
	decisions := batch.decisions
	batch.decisions = nil
	batch.over = batch.over || last
	return decisions
}

// Packets.

func (packet *Packet) seen() *PacketSummary {
	if packet.batch == nil || packet.changed.Load() {
		return nil
	}
	return &packet.batch.summaries[packet.index]
}

// headers are exported for the whole batch when the first is asked for, unless another goroutine
// may be changing one of its packets just now.
func (packet *Packet) headers() *PacketHeaders {
	batch := packet.batch
	if batch == nil || packet.changed.Load() {
		return nil
	}
	batch.mu.Lock()
	defer batch.mu.Unlock()
	if batch.headers == nil && batch.pointer != nil && !batch.dead && batch.users == 0 {
		batch.headers = make([]PacketHeaders, len(batch.packets))
		C.nfbind_batch_export_headers((*C.struct_nfbind_batch)(batch.pointer),
			(*C.struct_nfbind_packet_headers)(unsafe.Pointer(unsafe.SliceData(batch.headers))),
			C.size_t(len(batch.headers)), C.size_t(unsafe.Sizeof(PacketHeaders{})))
	}
	if batch.headers == nil {
		return nil
	}
	return &batch.headers[packet.index]
}

// appendAt appends bytes of the batch's memory, unless that is gone. Nobody frees or changes them
// meanwhile: both take these locks.
func (packet *Packet) appendAt(to []byte, offset, size, present uint32) ([]byte, bool) {
	packet.mu.Lock()
	defer packet.mu.Unlock()
	batch := packet.batch
	batch.mu.Lock()
	defer batch.mu.Unlock()
	if present == 0 || batch.pointer == nil || batch.dead {
		return to, false
	}
	return append(to, unsafe.Slice((*byte)(unsafe.Add(batch.data, offset)), size)...), true
}

// prepare is called before the library may change the packet: a verdict comes first.
func (packet *Packet) prepare() {
	if packet.batch == nil {
		return
	}
	packet.batch.deciding.Lock()
	decided := packet.decided && len(packet.batch.decisions) > 0
	packet.batch.deciding.Unlock()
	if decided {
		packet.batch.from.prepare()
	}
}

func (packet *Packet) touched() {
	packet.changed.Store(true)
}

// Verdict decides on the packet. Verdicts for packets of the running batch are collected and
// given when the queue receives again, sends, settles or closes; one that is refused then is
// told by the next of these calls.
func (packet *Packet) Verdict(verdict Verdict) error {
	batch := packet.batch
	if batch == nil || batch.from == nil {
		return packet.verdictHere(verdict)
	}
	collects := verdict == VerdictAccept || verdict == VerdictDrop || verdict == VerdictRepeat
	if collects && !packet.changed.Load() {
		return batch.decide(packet, verdict)
	}
	if batch.isOver() {
		return errOver
	}
	batch.from.prepare()
	return packet.verdictHere(verdict)
}

// Accept lets the packet go on.
func (packet *Packet) Accept() error { return packet.Verdict(VerdictAccept) }

// Drop throws the packet away.
func (packet *Packet) Drop() error { return packet.Verdict(VerdictDrop) }

// Repeat sends the packet through the hook again.
func (packet *Packet) Repeat() error { return packet.Verdict(VerdictRepeat) }

// String is one line about the packet.
func (packet *Packet) String() string {
	return printed(packet.Print(PacketFormatLine))
}
