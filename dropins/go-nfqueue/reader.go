// SPDX-License-Identifier: MIT

package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// Before receiving is tried again that failed.
const pause = 10 * time.Millisecond

// A reader is the goroutine that receives and calls the hook.
type reader struct {
	nfqueue *Nfqueue
	desk    *desk
	hook    HookFunc
	failed  ErrorFunc
	isOver  atomic.Bool

	packets  []*nfbind.Packet
	payloads arena
}

// run goes on until the context ends, the socket is closed, or the hook or the error function says so.
func (reader *reader) run(ctx context.Context) {
	defer reader.stop()
	defer context.AfterFunc(ctx, func() { reader.isOver.Store(true) })()
	for !reader.isOver.Load() {
		batch, err := reader.nfqueue.queue.Receive(ctx)
		switch {
		case err == nil:
			if !reader.handle(batch) || !reader.notices() {
				return
			}
		case ctx.Err() != nil || errors.Is(err, syscall.ESHUTDOWN):
			return
		case errors.Is(err, syscall.EAGAIN):
			// The kernel took no verdicts for a moment: they leave with the next.
		case reader.failed(err) != 0:
			return
		default:
			time.Sleep(pause)
		}
	}
}

// stop unbinds the queue: the kernel drops what waits in it.
func (reader *reader) stop() {
	queue, number := reader.nfqueue.queue, reader.nfqueue.config.NfQueue
	reader.desk.end()
	reader.desk.send()
	if err := queue.Unbind(number); err != nil && !errors.Is(err, syscall.ESHUTDOWN) {
		reader.nfqueue.logger.Errorf("nfqueue: queue %d cannot be unbound: %v", number, err)
	}
	reader.desk.forget()
	reader.nfqueue.leave()
}

// handle calls the hook with each packet; false: it wants no more.
func (reader *reader) handle(batch *nfbind.Batch) bool {
	reader.packets = reader.packets[:0]
	for packet := range batch.Packets() {
		reader.packets = append(reader.packets, packet)
	}
	count := len(reader.packets)
	room := make([]values, count)
	reader.desk.begin(reader.packets)
	defer reader.desk.end()
	for i := range count {
		if reader.isOver.Load() {
			return false
		}
		attribute := room[i].attribute(reader.packets[i], &reader.payloads)
		if reader.hook(attribute) != 0 {
			return false
		}
	}
	return true
}

// notices tells what happened beside the packets; false: the error function wants no more.
func (reader *reader) notices() bool {
	for {
		notice, ok, err := reader.nfqueue.queue.TakeNotice()
		if err != nil || !ok {
			return true
		}
		if nfbind.NoticeKind(notice.Kind) == nfbind.NoticeKindLost {
			if !reader.tellLoss(notice.Count) {
				return false
			}
			continue
		}
		reader.nfqueue.logger.Errorf("nfqueue: %s", sentence(notice))
	}
}

func (reader *reader) tellLoss(count uint64) bool {
	if reader.nfqueue.isQuiet.Load() {
		return true
	}
	// It may take its time.
	reader.desk.send()
	return reader.failed(fmt.Errorf("nfqueue: %d packets were lost: %w", count, syscall.ENOBUFS)) == 0
}

func sentence(notice nfbind.Notice) string {
	switch nfbind.NoticeKind(notice.Kind) {
	case nfbind.NoticeKindRefused:
		return fmt.Sprintf("verdict for packet %d of queue %d: %v", notice.ID, notice.Queue, syscall.Errno(-notice.Error))
	case nfbind.NoticeKindMalformed:
		return fmt.Sprintf("%d messages were malformed", notice.Count)
	case nfbind.NoticeKindSpoofed:
		return fmt.Sprintf("%d messages were not the kernel's but of port %d", notice.Count, notice.ID)
	}
	return fmt.Sprintf("notice %d, %d times", notice.Kind, notice.Count)
}
