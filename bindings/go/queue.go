// SPDX-License-Identifier: MIT

package nfbind

// #include "crossing.h"
// #cgo noescape take_turn
// #cgo nocallback take_turn
import "C"

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type queueState struct {
	waiter
	giving  sync.Mutex // current, failure, and verdicts on their way
	current *Batch
	failure error
	spare   []Decision // memory of verdicts that were given
	room    int
}

// Open opens a session and binds one queue on it.
func Open(ctx context.Context, number uint16, options ...Option) (*Queue, error) {
	queue, err := OpenQueue(ctx, options...)
	if err != nil {
		return nil, err
	}
	if err = queue.Bind(number, options...); err != nil {
		queue.Close()
		return nil, err
	}
	return queue, nil
}

// give hands verdicts over; the caller holds giving.
func (queue *Queue) give(decisions []Decision) {
	if len(decisions) == 0 {
		return
	}
	taken, err := queue.verdictMany(decisions)
	queue.note(decisions, taken, err)
}

func (queue *Queue) verdictMany(decisions []Decision) (int, error) {
	if err := queue.enter(true); err != nil {
		return 0, err
	}
	defer queue.leave(true)
	r := C.nfbind_queue_verdict_many((*C.struct_nfbind_queue)(queue.pointer),
		(*C.struct_nfbind_decision)(unsafe.Pointer(unsafe.SliceData(decisions))), C.size_t(len(decisions)),
		C.size_t(unsafe.Sizeof(Decision{})), nil, 0)
	if r < 0 {
		return int(r), fail(int(r), nil, queue.why(int(SideSend)))
	}
	return int(r), nil
}

// note keeps the first refusal for the next call that returns an error.
func (queue *Queue) note(decisions []Decision, taken int, err error) {
	if err == nil && taken < len(decisions) {
		for _, d := range decisions {
			if d.Result < 0 {
				errno := syscall.Errno(-d.Result)
				err = &Error{errno, fmt.Sprintf("%d of %d verdicts were refused, first that for packet %d of queue %d: %s",
					len(decisions)-taken, len(decisions), d.ID, d.Queue, errno)}
				break
			}
		}
	}
	if queue.failure == nil {
		queue.failure = err
	}
}

// prepare gives what was collected so far: called before anything that minds the order.
func (queue *Queue) prepare() {
	queue.giving.Lock()
	defer queue.giving.Unlock()
	if queue.current != nil {
		queue.give(queue.current.collected(false))
	}
}

// end lets the running batch go: its last verdicts, and its memory for the caller to free.
func (queue *Queue) end() ([]Decision, unsafe.Pointer) {
	queue.giving.Lock()
	defer queue.giving.Unlock()
	batch := queue.current
	queue.current = nil
	if batch == nil {
		return nil, nil
	}
	decisions := batch.collected(true)
	if batch.held {
		return decisions, nil
	}
	pointer := batch.take()
	if pointer != nil {
		batch.cleanup.Stop()
	}
	return decisions, pointer
}

func (queue *Queue) takeFailure() error {
	queue.giving.Lock()
	defer queue.giving.Unlock()
	err := queue.failure
	queue.failure = nil
	return err
}

// begin makes a batch of what a turn brought the running one.
func (queue *Queue) begin(room room, turn *C.struct_turn) *Batch {
	batch := &Batch{}
	batch.adopt(unsafe.Pointer(turn.batch), freeBatch, nil, &queue.object)
	batch.from = queue
	batch.fill(room, turn)
	queue.giving.Lock()
	queue.current = batch
	batch.decisions, queue.spare = queue.spare, nil
	queue.giving.Unlock()
	return batch
}

// Receive waits for packets, until the context ends, the queue is closed (ESHUTDOWN) or woken
// (ECANCELED). The former batch ends: its verdicts leave, and packets without one get the
// default verdict.
func (queue *Queue) Receive(ctx context.Context) (*Batch, error) {
	if err := queue.enter(false); err != nil {
		return nil, err
	}
	defer queue.leave(false)
	if err := queue.takeFailure(); err != nil {
		return nil, err
	}
	if err := queue.start(queue.Fd); err != nil {
		return nil, err
	}
	decisions, former := queue.end()
	given := &decisions
	room := newRoom(max(queue.room, 64))
	turn := new(C.struct_turn)
	var r C.int
	err := queue.wait(ctx, func() (bool, time.Duration) {
		r = queue.turn(*given, former, room, turn)
		if len(*given) > 0 {
			queue.giving.Lock()
			queue.note(*given, int(turn.decided), nil)
			queue.spare = (*given)[:0]
			queue.giving.Unlock()
		}
		*given, former = nil, nil
		return r != -C.EAGAIN, time.Duration(turn.deadline) * time.Millisecond
	})
	if len(*given) > 0 || former != nil {
		// The wait ended before it began.
		queue.giving.Lock()
		queue.give(*given)
		queue.giving.Unlock()
		freeBatch(former)
	}
	if err != nil {
		return nil, err
	}
	if r == -C.ENOSPC {
		queue.room = int(turn.count)
		room = newRoom(queue.room)
		room.unpack(turn.batch, turn)
	} else if r < 0 {
		return nil, fail(int(r), nil, queue.why(int(SideReceive)))
	}
	return queue.begin(room, turn), nil
}

func (queue *Queue) turn(decisions []Decision, former unsafe.Pointer, room room, turn *C.struct_turn) C.int {
	return C.take_turn((*C.struct_nfbind_queue)(queue.pointer), (*C.struct_nfbind_batch)(former),
		(*C.struct_nfbind_decision)(unsafe.Pointer(unsafe.SliceData(decisions))), C.size_t(len(decisions)),
		C.size_t(unsafe.Sizeof(Decision{})),
		(*C.struct_nfbind_packet_summary)(unsafe.Pointer(unsafe.SliceData(room.summaries))),
		unsafe.SliceData(room.pointers), C.size_t(len(room.summaries)), C.size_t(unsafe.Sizeof(PacketSummary{})), turn)
}

// Feed takes one datagram that the caller read from the descriptor.
func (queue *Queue) Feed(data []byte) (*Batch, error) {
	if err := queue.Settle(); err != nil {
		return nil, err
	}
	if err := queue.enter(false); err != nil {
		return nil, err
	}
	defer queue.leave(false)
	turn := new(C.struct_turn)
	r := C.nfbind_queue_feed((*C.struct_nfbind_queue)(queue.pointer), unsafe.Pointer(unsafe.SliceData(data)),
		C.size_t(len(data)), &turn.batch)
	if r < 0 {
		return nil, fail(int(r), nil, queue.why(int(SideReceive)))
	}
	C.nfbind_batch_hold(turn.batch)
	room := newRoom(int(C.nfbind_batch_count(turn.batch)))
	room.unpack(turn.batch, turn)
	return queue.begin(room, turn), nil
}

// Settle ends the running batch without receiving another.
func (queue *Queue) Settle() error {
	if err := queue.enter(false); err != nil {
		return err
	}
	decisions, former := queue.end()
	queue.giving.Lock()
	queue.give(decisions)
	queue.giving.Unlock()
	if former != nil {
		freeBatch(former)
	}
	queue.leave(false)
	return errors.Join(queue.settleHere(), queue.takeFailure())
}

// Wake ends the running Receive, or else the next one, with ECANCELED; once.
func (queue *Queue) Wake() error {
	err := queue.wakeHere()
	queue.kick()
	return err
}

// stop follows the closing of the session.
func (queue *Queue) stop() {
	queue.waiter.stop()
	if _, former := queue.end(); former != nil {
		freeBatch(former)
	}
}

// Batches ranges over batches until the context ends or the queue is closed or woken. Any other
// error is given out and ends it too, but for verdicts that were refused.
func (queue *Queue) Batches(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		defer queue.prepare()
		for {
			if err := queue.takeFailure(); err != nil && !yield(nil, err) {
				return
			}
			batch, err := queue.Receive(ctx)
			if err != nil {
				if err = unlessEnd(ctx, err); err != nil {
					yield(nil, err)
				}
				return
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// unlessEnd leaves out what a reader ends with that was told to.
func unlessEnd(ctx context.Context, err error) error {
	if errors.Is(err, syscall.ESHUTDOWN) || errors.Is(err, syscall.ECANCELED) ||
		ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// Packets ranges over the packets of all batches.
func (queue *Queue) Packets(ctx context.Context) iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		for batch, err := range queue.Batches(ctx) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			for i := range batch.packets {
				if !yield(&batch.packets[i], nil) {
					return
				}
			}
		}
	}
}
