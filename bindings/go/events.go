// SPDX-License-Identifier: MIT

package nfbind

import (
	"context"
	"iter"
	"time"
)

type eventsState struct {
	waiter
}

func (events *Events) stop() { events.waiter.stop() }

// A Happening is one event with what it is about: Ct or Exp, as its kind says.
type Happening struct {
	Event
	Ct  *Ct
	Exp *Exp
}

// Receive waits until there is something for Next, until the context ends, the session is closed
// (ESHUTDOWN) or woken (ECANCELED).
func (events *Events) Receive(ctx context.Context) error {
	if err := events.start(events.Fd); err != nil {
		return err
	}
	var failed error
	err := events.wait(ctx, func() (bool, time.Duration) {
		var ok bool
		if _, ok, failed = events.receiveHere(0); ok || failed != nil {
			return true, -1
		}
		pause, ok, err := events.Deadline()
		if err != nil || !ok {
			return false, -1
		}
		return false, time.Duration(pause) * time.Millisecond
	})
	if err != nil {
		return err
	}
	return failed
}

// Wake ends the running Receive, or else the next one, with ECANCELED; once.
func (events *Events) Wake() error {
	err := events.wakeHere()
	events.kick()
	return err
}

// Happenings ranges over what happens until the context ends or the session is closed or woken.
func (events *Events) Happenings(ctx context.Context) iter.Seq2[*Happening, error] {
	return events.happenings(func() (bool, error) {
		err := events.Receive(ctx)
		return err == nil, unlessEnd(ctx, err)
	})
}

// Pending ranges over what has happened so far, and waits for nothing.
func (events *Events) Pending() iter.Seq2[*Happening, error] {
	return events.happenings(func() (bool, error) {
		_, ok, err := events.receiveHere(0)
		return ok, err
	})
}

// happenings asks for more when all is taken; it ends when there is no more, or an error.
func (events *Events) happenings(more func() (bool, error)) iter.Seq2[*Happening, error] {
	return func(yield func(*Happening, error) bool) {
		for {
			one, err := events.next()
			ok := one != nil
			if err == nil && !ok {
				if ok, err = more(); ok {
					continue
				}
			}
			if err == nil && !ok || !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// next takes one event, or nil when there is none.
func (events *Events) next() (*Happening, error) {
	event, ct, exp, ok, err := events.Next()
	if err != nil || !ok {
		return nil, err
	}
	switch EventKind(event.Kind) {
	case EventKindExpNew, EventKindExpDestroy:
		ct = nil
	case EventKindCtNew, EventKindCtUpdate, EventKindCtDestroy:
		exp = nil
	default:
		ct, exp = nil, nil
	}
	return &Happening{event, ct, exp}, nil
}
