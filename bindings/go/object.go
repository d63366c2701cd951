// SPDX-License-Identifier: MIT

package nfbind

// #include "api.h"
// #include <stdlib.h>
import "C"

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// Error is what the library refuses, with the sentence that says why.
// errors.Is(err, syscall.EBUSY) asks for one error; a use after Close is os.ErrClosed too.
type Error struct {
	Errno syscall.Errno
	Text  string
}

func (e *Error) Error() string { return "nfbind: " + e.Text }

// Unwrap lets errors.Is compare the number.
func (e *Error) Unwrap() error { return e.Errno }

func (e *Error) Is(target error) bool {
	return target == os.ErrClosed && (e.Errno == syscall.EBADF || e.Errno == syscall.ESHUTDOWN)
}

type sentence struct {
	errno syscall.Errno
	text  string
}

// fail makes the error of a negative result; said is what the object itself says, or "".
func fail(r int, known []sentence, said string) error {
	errno := syscall.Errno(-r)
	for _, s := range known {
		if said == "" && s.errno == errno {
			said = s.text
		}
	}
	if said == "" {
		said = errno.Error()
	}
	return &Error{errno, said}
}

func missing(name string) error {
	return &Error{syscall.EINVAL, "argument " + name + " is nil"}
}

var (
	errFreed  = &Error{syscall.EBADF, "used after it was freed"}
	errClosed = &Error{syscall.ESHUTDOWN, "used after it was closed"}
	errBusy   = &Error{syscall.EBUSY, "another goroutine is using it"}
)

// unlessFreed lets a second Close succeed.
func unlessFreed(err error) error {
	if err == error(errFreed) || err == error(errClosed) {
		return nil
	}
	return err
}

// An object is a pointer of the library's with what keeps goroutines from using it when it
// is gone, or twice at a time. Calls that do not wait hold the lock; calls that wait are
// counted in users, and whatever is freed meanwhile goes with the last of them.
type object struct {
	mu      sync.Mutex
	pointer unsafe.Pointer
	release func(unsafe.Pointer)
	owner   *object // whose memory this lies in: gone with it
	session *object // which has to stay while a call runs here
	users   int
	busy    bool // a call that is for one goroutine at a time waits
	dead    bool
	closed  bool // dead, and a session
	cleanup runtime.Cleanup
}

func (o *object) adopt(pointer unsafe.Pointer, release func(unsafe.Pointer), owner, session *object) {
	o.pointer, o.owner, o.session = pointer, owner, session
	if owner == nil && release != nil {
		o.release = release
		o.cleanup = runtime.AddCleanup(o, release, pointer)
	}
}

// address may be asked of nil: an object that was left out.
func (o *object) address() unsafe.Pointer {
	if o == nil {
		return nil
	}
	return o.pointer
}

// root is the session at the end of the owners.
func (o *object) root() *object {
	for o.owner != nil {
		o = o.owner
	}
	return o.session
}

// pin keeps alive what a call on this object touches beside it.
func (o *object) pin() error {
	if o == nil {
		return nil
	}
	if o.owner != nil {
		return o.owner.enter(true)
	}
	if o.session != nil {
		o.session.mu.Lock()
		o.session.users++
		o.session.mu.Unlock()
	}
	return nil
}

func (o *object) unpin() {
	if o == nil {
		return
	}
	if o.owner != nil {
		o.owner.leave(true)
	} else if o.session != nil {
		o.session.leave(true)
	}
}

func (o *object) check(any bool) error {
	if o.closed {
		return errClosed
	}
	if o.pointer == nil || o.dead {
		return errFreed
	}
	if o.busy && !any {
		return errBusy
	}
	return nil
}

// enter begins a call that may wait; any says that others may run beside it.
func (o *object) enter(any bool) error {
	if err := o.pin(); err != nil {
		return err
	}
	o.mu.Lock()
	err := o.check(any)
	if err == nil {
		o.users++
		o.busy = o.busy || !any
	}
	o.mu.Unlock()
	if err != nil {
		o.unpin()
	}
	return err
}

func (o *object) leave(any bool) {
	o.mu.Lock()
	o.users--
	if !any {
		o.busy = false
	}
	pointer := o.detach()
	o.mu.Unlock()
	o.let(pointer)
	o.unpin()
}

// detach takes the pointer of a dead object that nobody uses any more.
func (o *object) detach() unsafe.Pointer {
	if !o.dead || o.users > 0 || o.pointer == nil {
		return nil
	}
	pointer := o.pointer
	o.pointer = nil
	return pointer
}

func (o *object) let(pointer unsafe.Pointer) {
	if pointer != nil && o.release != nil {
		o.cleanup.Stop()
		o.release(pointer)
	}
}

// take ends the use of an object; the caller releases what it returns, if anything.
func (o *object) take() unsafe.Pointer {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = true
	return o.detach()
}

// close frees a session that was opened or made; the zero value of one was not.
func (o *object) close() {
	o.mu.Lock()
	o.closed = o.closed || o.pointer != nil
	o.mu.Unlock()
	o.free()
}

func (o *object) free() {
	o.let(o.take())
}

// lock begins a call that does not wait, on one to four objects, nil for one left out; the
// first one's calls may be for any goroutine. Two calls with the same objects never wait for each
// other crosswise: pins are taken before any lock, and locks in the order of the addresses.
func lock(any bool, objects ...*object) error {
	sorted := inOrder(objects)
	for i, o := range sorted {
		if err := o.pin(); err != nil {
			unpinAll(sorted[:i])
			return err
		}
	}
	for i, o := range sorted {
		if o == nil {
			continue
		}
		o.mu.Lock()
		if err := o.check(any && o == objects[0]); err != nil {
			unlockAll(sorted[:i+1])
			unpinAll(sorted[:])
			return err
		}
	}
	return nil
}

func unlock(objects ...*object) {
	sorted := inOrder(objects)
	unlockAll(sorted[:])
	unpinAll(sorted[:])
}

func unlockAll(sorted []*object) {
	for _, o := range sorted {
		if o != nil {
			o.mu.Unlock()
		}
	}
}

func unpinAll(sorted []*object) {
	for _, o := range sorted {
		o.unpin()
	}
}

// inOrder sorts at most four, each once.
func inOrder(objects []*object) (sorted [4]*object) {
	for i, o := range objects {
		for ; i > 0 && uintptr(unsafe.Pointer(sorted[i-1])) > uintptr(unsafe.Pointer(o)); i-- {
			sorted[i] = sorted[i-1]
		}
		sorted[i] = o
	}
	for i := range sorted {
		if i > 0 && sorted[i] == sorted[i-1] {
			sorted[i-1] = nil
		}
	}
	return sorted
}

// Values.

// An Option sets one of the options that opening, binding and changing look at.
type Option func(*Options) error

// makeOptions makes the object that the library wants.
func makeOptions(list []Option) (*Options, error) {
	options, err := NewOptions()
	for _, set := range list {
		if err == nil && set != nil {
			err = set(options)
		}
	}
	return options, err
}

// A session is open when somebody gets it, or not there.
type session[T any] interface {
	*T
	Open(...Option) error
	Close() error
}

func opened[T any, S session[T]](ctx context.Context, make func() (S, error), options []Option) (S, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := make()
	if err != nil {
		return nil, err
	}
	if err = s.Open(options...); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// cString copies a text; where it may be left out, "" leaves it out.
func cString(text string, nullable bool) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, &Error{syscall.EINVAL, "a text with a NUL in it"}
	}
	if text == "" && nullable {
		return nil, nil
	}
	return C.CString(text), nil
}

func copied(data unsafe.Pointer, size C.size_t) []byte {
	return append([]byte{}, unsafe.Slice((*byte)(data), int(size))...)
}

func address(data []byte) netip.Addr {
	value, _ := netip.AddrFromSlice(data)
	return value
}

func addressBytes(value netip.Addr) []byte {
	return value.AsSlice()
}

func oneIf(value bool) uint64 {
	if value {
		return 1
	}
	return 0
}
