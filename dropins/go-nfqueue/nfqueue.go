// SPDX-License-Identifier: MIT

package nfqueue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

const mostCopied = 65531 // bytes of a packet that the kernel copies

// Nfqueue is a queue, from Open to Close.
type Nfqueue struct {
	// Con says at compile time that it is left out.
	Con ConIsLeftOut

	config Config
	logger Logger
	queue  *nfbind.Queue // nil: was not opened
	desk   desk

	isClosed atomic.Bool
	isQuiet  atomic.Bool // of packets that the receive buffer had no room for

	mu     sync.Mutex
	reader *reader // who calls the hook
}

// Open makes the socket; Register and RegisterWithErrorFunc bind the queue.
func Open(config *Config) (*Nfqueue, error) {
	if config == nil {
		return nil, errNoConfig
	}
	if config.Flags >= flagsEnd {
		return nil, ErrInvFlag
	}
	if config.NetNS < 0 || config.NetNS > math.MaxInt32 {
		return nil, fmt.Errorf("nfqueue: network namespace: %w", syscall.EBADF)
	}
	queue, err := nfbind.NewQueue()
	if err != nil {
		return nil, err
	}
	options := []nfbind.Option{nfbind.WithSendDelay(sendDelay)}
	if config.NetNS != 0 {
		options = append(options, nfbind.WithNetnsFd(uint32(config.NetNS)))
	}
	if err = queue.Open(options...); err != nil {
		queue.Close()
		return nil, err
	}
	nfqueue := &Nfqueue{config: *config, logger: config.Logger, queue: queue}
	if nfqueue.logger == nil {
		nfqueue.logger = silent{}
	}
	nfqueue.desk.queue, nfqueue.desk.logger = queue, nfqueue.logger
	return nfqueue, nil
}

// check says why nothing can be done.
func (nfqueue *Nfqueue) check() error {
	if nfqueue == nil || nfqueue.queue == nil {
		return errNotOpen
	}
	if nfqueue.isClosed.Load() {
		return errClosed
	}
	return nil
}

// Close ends the hook and closes the socket. The kernel drops the packets that wait for a verdict.
// It does not wait for a hook that is running, which may call it.
func (nfqueue *Nfqueue) Close() error {
	if nfqueue == nil || nfqueue.queue == nil {
		return errNotOpen
	}
	if nfqueue.isClosed.Swap(true) {
		return errClosed
	}
	nfqueue.mu.Lock()
	if nfqueue.reader != nil {
		nfqueue.reader.isOver.Store(true)
	}
	nfqueue.mu.Unlock()
	return nfqueue.queue.Close()
}

// Register binds the queue and lets a goroutine call fn with each packet, until the context ends or
// fn returns anything but 0. What fails is logged.
//
// Deprecated: use RegisterWithErrorFunc.
func (nfqueue *Nfqueue) Register(ctx context.Context, fn HookFunc) error {
	return nfqueue.RegisterWithErrorFunc(ctx, fn, func(err error) int {
		nfqueue.logger.Errorf("nfqueue: %v", err)
		if errors.Is(err, syscall.ENOBUFS) {
			return 0
		}
		return 1
	})
}

// RegisterWithErrorFunc does the same and calls errfn with what fails.
func (nfqueue *Nfqueue) RegisterWithErrorFunc(ctx context.Context, fn HookFunc, errfn ErrorFunc) error {
	if err := nfqueue.check(); err != nil {
		return err
	}
	if ctx == nil || fn == nil || errfn == nil {
		return errNoHook
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	nfqueue.mu.Lock()
	defer nfqueue.mu.Unlock()
	if nfqueue.reader != nil {
		return fmt.Errorf("%w: %w", errIsBound, syscall.EBUSY)
	}
	if err := nfqueue.queue.Bind(nfqueue.config.NfQueue, nfqueue.options()...); err != nil {
		return err
	}
	nfqueue.reader = &reader{nfqueue: nfqueue, desk: &nfqueue.desk, hook: fn, failed: errfn}
	if nfqueue.config.Copymode == NfQnlCopyNone {
		nfqueue.reader.hook = nfqueue.dropUnseen
	}
	go nfqueue.reader.run(ctx)
	return nil
}

func (nfqueue *Nfqueue) dropUnseen(a Attribute) int {
	nfqueue.SetVerdict(*a.PacketID, NfDrop)
	return 0
}

func (nfqueue *Nfqueue) options() []nfbind.Option {
	config := &nfqueue.config
	has := func(flag uint32) bool { return config.Flags&flag != 0 }
	options := []nfbind.Option{
		nfbind.WithCopyMode(max(config.Copymode, NfQnlCopyMeta)),
		nfbind.WithFailOpen(has(NfQaCfgFlagFailOpen)),
		nfbind.WithConntrack(has(NfQaCfgFlagConntrack)),
		nfbind.WithGSO(has(NfQaCfgFlagGSO)),
		nfbind.WithUIDGID(has(NfQaCfgFlagUIDGid)),
		nfbind.WithSecctx(has(NfQaCfgFlagSecCx)),
	}
	if config.MaxQueueLen > 0 {
		options = append(options, nfbind.WithMaxlen(config.MaxQueueLen))
	}
	if config.MaxPacketLen > 0 {
		options = append(options, nfbind.WithCopyRange(min(config.MaxPacketLen, mostCopied)))
	}
	return options
}

// leave is the end of a hook: another one may be registered.
func (nfqueue *Nfqueue) leave() {
	nfqueue.mu.Lock()
	nfqueue.reader = nil
	nfqueue.mu.Unlock()
}

// SOL_NETLINK of include/linux/socket.h.
const socketLevel = 270

// The numbers of include/uapi/linux/netlink.h, in the order of the constants.
var socketOptions = [...]int{3, 4, 5, 8, 10, 11, 12}

// SetOption changes an option of the socket. With NoENOBUFS the error function is not told of packets
// that the receive buffer had no room for.
func (nfqueue *Nfqueue) SetOption(o ConnOption, enable bool) error {
	if err := nfqueue.check(); err != nil {
		return err
	}
	value := reflect.ValueOf(o)
	if !value.CanInt() || value.Int() < 0 || value.Int() >= int64(len(socketOptions)) {
		return errOption
	}
	number := 0
	if enable {
		number = 1
	}
	err := nfqueue.setSocket(socketLevel, socketOptions[value.Int()], number)
	if err == nil && value.Int() == int64(NoENOBUFS) {
		nfqueue.isQuiet.Store(enable)
	}
	return err
}

// SetReadBuffer changes the room for packets that were not received yet: 8 MiB before.
func (nfqueue *Nfqueue) SetReadBuffer(bytes int) error {
	return nfqueue.setBuffer(bytes, syscall.SO_RCVBUFFORCE, syscall.SO_RCVBUF)
}

// SetWriteBuffer changes the room for verdicts on their way.
func (nfqueue *Nfqueue) SetWriteBuffer(bytes int) error {
	return nfqueue.setBuffer(bytes, syscall.SO_SNDBUFFORCE, syscall.SO_SNDBUF)
}

func (nfqueue *Nfqueue) setBuffer(bytes, forced, option int) error {
	if err := nfqueue.check(); err != nil {
		return err
	}
	err := nfqueue.setSocket(syscall.SOL_SOCKET, forced, bytes)
	if errors.Is(err, syscall.EPERM) {
		err = nfqueue.setSocket(syscall.SOL_SOCKET, option, bytes)
	}
	return err
}

func (nfqueue *Nfqueue) setSocket(level, option, value int) error {
	fd, err := nfqueue.queue.Fd()
	if err != nil {
		return err
	}
	if err = syscall.SetsockoptInt(fd, level, option, value); err != nil {
		return fmt.Errorf("nfqueue: setsockopt: %w", err)
	}
	return nil
}

// Fd is the socket's descriptor; it is closed by Close, and nobody else is to read it.
func (nfqueue *Nfqueue) Fd() (int, error) {
	if err := nfqueue.check(); err != nil {
		return -1, err
	}
	return nfqueue.queue.Fd()
}
