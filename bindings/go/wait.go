// SPDX-License-Identifier: MIT

package nfbind

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// A waiter parks a goroutine on a session's descriptor in Go's own poller: no thread waits.
// It has a copy of the descriptor, so that closing one never meets the other's number.
type waiter struct {
	mu     sync.Mutex
	file   *os.File
	conn   syscall.RawConn
	kicked bool
	ended  bool
	waits  bool
}

var past = time.Unix(1, 0)

// start takes the descriptor, once.
func (w *waiter) start(fd func() (int, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return errClosed
	}
	if w.file != nil {
		return nil
	}
	number, err := fd()
	if err != nil {
		return err
	}
	copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(number), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return &Error{errno, "the descriptor cannot be copied: " + errno.Error()}
	}
	if err = syscall.SetNonblock(int(copied), true); err != nil {
		return err
	}
	w.file = os.NewFile(copied, "nfbind")
	w.conn, err = w.file.SyscallConn()
	return err
}

// wait tries until it is done. What the attempt returns is how long it may be put off at most;
// below 0 there is no limit.
func (w *waiter) wait(ctx context.Context, attempt func() (bool, time.Duration)) error {
	if err := w.begin(); err != nil {
		return err
	}
	defer w.done()
	stop := context.AfterFunc(ctx, w.kick)
	defer stop()
	for {
		if err := w.again(); err != nil {
			return err
		}
		// Only now: a kick that came before is forgotten.
		if err := ctx.Err(); err != nil {
			return err
		}
		err := w.conn.Read(func(uintptr) bool {
			done, pause := attempt()
			if !done && pause >= 0 {
				w.alarm(pause)
			}
			return done
		})
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) && !w.isOver() {
			return err
		}
	}
}

// begin lets one goroutine wait at a time: there is one deadline.
func (w *waiter) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits {
		return errBusy
	}
	w.waits = true
	return nil
}

func (w *waiter) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = false
}

// again makes a new wait possible; who kicks from here on is noticed.
func (w *waiter) again() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return errClosed
	}
	w.kicked = false
	return w.file.SetReadDeadline(time.Time{})
}

func (w *waiter) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *waiter) alarm(pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.kicked {
		w.file.SetReadDeadline(time.Now().Add(pause))
	}
}

// kick ends the running wait, which then looks why.
func (w *waiter) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kicked = true
	if w.file != nil {
		w.file.SetReadDeadline(past)
	}
}

func (w *waiter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.file != nil {
		w.file.Close()
	}
}
