// SPDX-License-Identifier: MIT

package nfqueue

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Verdicts. Shift the number of another queue left by 16 and add NfQeueue: the packet goes there.
const (
	NfDrop = iota
	NfAccept
	NfStolen // lets the packet wait for a later verdict: the kernel takes no such verdict
	NfQeueue
	NfRepeat
	NfStop
)

// Copy modes.
const (
	NfQnlCopyNone = iota
	NfQnlCopyMeta
	NfQnlCopyPacket
)

// Configuration flags.
const (
	NfQaCfgFlagFailOpen = 1 << iota
	NfQaCfgFlagConntrack
	NfQaCfgFlagGSO
	NfQaCfgFlagUIDGid
	NfQaCfgFlagSecCx
	flagsEnd
)

// Errors.
var (
	ErrRecvMsg        = errors.New("received error message")
	ErrUnexpMsg       = errors.New("received unexpected message from kernel")
	ErrInvFlag        = errors.New("invalid Flag")
	ErrNotLinux       = errors.New("not implemented for OS other than linux")
	ErrInvalidVerdict = errors.New("invalid verdict")
)

var (
	errNoConfig = errors.New("nfqueue: no configuration")
	errNoHook   = errors.New("nfqueue: the context, the hook or the error function is nil")
	errIsBound  = errors.New("nfqueue: a hook is registered already")
	errNotOpen  = errors.New("nfqueue: was not opened")
	errLabel    = errors.New("nfqueue: a label has 16 bytes")
	errOption   = errors.New("nfqueue: no such option of a netlink socket")
	errClosed   = fmt.Errorf("nfqueue: %w", os.ErrClosed)
)

// Attribute is a packet; what it does not have is nil. All of it is the program's own to keep or to
// change. Packets that were received together share memory, 32 KiB: who keeps one for long copies it.
type Attribute struct {
	PacketID   *uint32
	Hook       *uint8
	Timestamp  *time.Time
	Mark       *uint32
	InDev      *uint32
	PhysInDev  *uint32
	OutDev     *uint32
	PhysOutDev *uint32
	Payload    *[]byte
	CapLen     *uint32
	UID        *uint32
	GID        *uint32
	SecCtx     *string
	L2Hdr      *[]byte
	HwAddr     *[]byte
	HwProtocol *uint16
	Ct         *[]byte
	CtInfo     *uint32
	SkbInfo    *[]byte
	Exp        *[]byte
	SkbPrio    *uint32

	// What the older API tells and that one does not.
	VlanProto *uint16
	VlanTCI   *uint16
}

// HookFunc is called with each packet; anything but 0 ends the hook.
type HookFunc func(a Attribute) int

// ErrorFunc is called with what fails while receiving; anything but 0 ends the hook. Packets that
// the receive buffer had no room for are an error that is syscall.ENOBUFS.
type ErrorFunc func(e error) int

// Logger is told what a program need not know.
type Logger interface {
	Debugf(format string, args ...any)
	Errorf(format string, args ...any)
}

type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Errorf(string, ...any) {}

// Config says how a queue is bound.
type Config struct {
	// NetNS is the descriptor of the network namespace to work in; 0: the current one.
	NetNS int
	// NfQueue is the number of the queue.
	NfQueue uint16
	// MaxQueueLen is how many packets may wait for a verdict; 0: 1024.
	MaxQueueLen uint32
	// MaxPacketLen is how much of a packet is copied; 0: all of it.
	MaxPacketLen uint32
	// Copymode is one of NfQnlCopy. With NfQnlCopyNone packets are dropped unseen.
	Copymode uint8
	// Flags is a set of NfQaCfgFlag.
	Flags uint32
	// AfFamily is of no meaning since Linux 3.8.
	AfFamily uint8
	// ReadTimeout does nothing.
	//
	// Deprecated: end the context of the hook.
	ReadTimeout time.Duration
	// WriteTimeout does nothing: sending a verdict does not wait.
	WriteTimeout time.Duration
	// Logger, where there is one, is told of verdicts that the kernel refused.
	Logger Logger
}

// ConnOption is an option of a netlink socket: one of the following, or the constant of that name in
// github.com/mdlayher/netlink.
type ConnOption any

type connOption int

// Options of a netlink socket.
const (
	PacketInfo connOption = iota
	BroadcastError
	NoENOBUFS
	ListenAllNSID
	CapAcknowledge
	ExtendedAcknowledge
	GetStrictCheck
)

// ConIsLeftOut has nothing of a netlink.Conn: call SetReadBuffer, SetWriteBuffer or SetOption on the
// Nfqueue itself, or ask it for its Fd.
type ConIsLeftOut struct{}
