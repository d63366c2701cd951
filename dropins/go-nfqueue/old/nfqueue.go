// SPDX-License-Identifier: MIT

// Package nfqueue lets programs run on nfbind that were written for the older API of
// github.com/florianl/go-nfqueue, where a packet is a map: change the import path, and nothing else.
//
//	import nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue/old"
//
// How packets and verdicts travel, and what differs on purpose, is said with the package above this one.
package nfqueue

import (
	"context"
	"log"
	"time"

	nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue"
)

// Keys of a Msg, and what is there: numbers of the packet's attributes.
const (
	AttrPacketID          = iota // uint32
	AttrHook                     // uint8
	AttrHwProtocol               // uint16
	AttrIfIndexInDev             // uint32
	AttrIfIndexOutDev            // uint32
	AttrIfIndexPhysInDev         // uint32
	AttrIfIndexPhysOutDev        // uint32
	AttrPayload                  // []byte
	AttrCapLen                   // uint32
	AttrTimestamp                // time.Time
	AttrHwAddr                   // []byte
	AttrMark                     // uint32
	AttrUID                      // uint32
	AttrGID                      // uint32
	AttrL2HDR                    // []byte
	AttrCt                       // []byte
	AttrCtInfo                   // uint32
	AttrSkbInfo                  // []byte
	AttrExp                      // []byte
	AttrSecCtx                   // string
	AttrVlanProto                // uint16
	AttrVlanTCI                  // uint16
)

// Configuration flags. The owner's flag was renamed in between.
const (
	NfQaCfgFlagFailOpen  = nfqueue.NfQaCfgFlagFailOpen
	NfQaCfgFlagConntrack = nfqueue.NfQaCfgFlagConntrack
	NfQaCfgFlagGSO       = nfqueue.NfQaCfgFlagGSO
	NfQaCfgFlagUidGid    = nfqueue.NfQaCfgFlagUIDGid
	NfQaCfgFlagUIDGid    = nfqueue.NfQaCfgFlagUIDGid
	NfQaCfgFlagSecCx     = nfqueue.NfQaCfgFlagSecCx
)

// Copy modes.
const (
	NfQnlCopyNone   = nfqueue.NfQnlCopyNone
	NfQnlCopyMeta   = nfqueue.NfQnlCopyMeta
	NfQnlCopyPacket = nfqueue.NfQnlCopyPacket
)

// Verdicts.
const (
	NfDrop   = nfqueue.NfDrop
	NfAccept = nfqueue.NfAccept
	NfStolen = nfqueue.NfStolen
	NfQeueue = nfqueue.NfQeueue
	NfRepeat = nfqueue.NfRepeat
)

// Errors.
var (
	ErrRecvMsg        = nfqueue.ErrRecvMsg
	ErrUnexpMsg       = nfqueue.ErrUnexpMsg
	ErrInvFlag        = nfqueue.ErrInvFlag
	ErrNotLinux       = nfqueue.ErrNotLinux
	ErrInvalidVerdict = nfqueue.ErrInvalidVerdict
)

// Msg is a packet: what it does not have is not in it.
type Msg map[int]any

// HookFunc is called with each packet; anything but 0 ends the hook.
type HookFunc func(m Msg) int

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
	// Copymode is one of NfQnlCopy.
	Copymode uint8
	// Flags is a set of NfQaCfgFlag; those that FlagsMask has count.
	Flags     uint32
	FlagsMask uint32
	// AfFamily is of no meaning since Linux 3.8.
	AfFamily uint8
	// ReadTimeout and WriteTimeout do nothing.
	ReadTimeout  time.Duration
	WriteTimeout time.Duration
	// Logger is told what the program need not know.
	Logger *log.Logger
}

// Nfqueue is a queue, from Open to Close.
type Nfqueue struct {
	// Con says at compile time that it is left out.
	Con nfqueue.ConIsLeftOut

	queue *nfqueue.Nfqueue
}

type logger struct{ to *log.Logger }

func (l logger) Debugf(string, ...any)             {}
func (l logger) Errorf(format string, args ...any) { l.to.Printf(format, args...) }

// Open makes the socket; Register binds the queue.
func Open(config *Config) (*Nfqueue, error) {
	if config == nil {
		_, err := nfqueue.Open(nil)
		return nil, err
	}
	known := nfqueue.Config{NetNS: config.NetNS, NfQueue: config.NfQueue, MaxQueueLen: config.MaxQueueLen,
		MaxPacketLen: config.MaxPacketLen, Copymode: config.Copymode, Flags: config.Flags & config.FlagsMask,
		AfFamily: config.AfFamily}
	if config.Logger != nil {
		known.Logger = logger{config.Logger}
	}
	queue, err := nfqueue.Open(&known)
	if err != nil {
		return nil, err
	}
	return &Nfqueue{queue: queue}, nil
}

func (queue *Nfqueue) own() *nfqueue.Nfqueue {
	if queue == nil {
		return nil
	}
	return queue.queue
}

// Close ends the hook and closes the socket.
func (queue *Nfqueue) Close() error { return queue.own().Close() }

// Register binds the queue and lets a goroutine call fn with each packet, until the context ends or fn
// returns anything but 0.
func (queue *Nfqueue) Register(ctx context.Context, fn HookFunc) error {
	var hook nfqueue.HookFunc
	if fn != nil {
		hook = func(a nfqueue.Attribute) int { return fn(message(&a)) }
	}
	return queue.own().Register(ctx, hook)
}

// SetVerdict decides on a packet.
func (queue *Nfqueue) SetVerdict(id uint32, verdict int) error {
	return queue.own().SetVerdict(id, verdict)
}

// SetVerdictWithMark decides on a packet and gives it a mark.
func (queue *Nfqueue) SetVerdictWithMark(id uint32, verdict, mark int) error {
	return queue.own().SetVerdictWithOption(id, verdict, nfqueue.WithMark(uint32(mark)))
}

// SetVerdictBatch decides on all packets that wait, up to this id.
func (queue *Nfqueue) SetVerdictBatch(id uint32, verdict int) error {
	return queue.own().SetVerdictBatch(id, verdict)
}

func put[T any](m Msg, key int, value *T) {
	if value != nil {
		m[key] = *value
	}
}

func message(a *nfqueue.Attribute) Msg {
	m := Msg{}
	put(m, AttrPacketID, a.PacketID)
	put(m, AttrHook, a.Hook)
	put(m, AttrHwProtocol, a.HwProtocol)
	put(m, AttrIfIndexInDev, a.InDev)
	put(m, AttrIfIndexOutDev, a.OutDev)
	put(m, AttrIfIndexPhysInDev, a.PhysInDev)
	put(m, AttrIfIndexPhysOutDev, a.PhysOutDev)
	put(m, AttrPayload, a.Payload)
	put(m, AttrCapLen, a.CapLen)
	put(m, AttrTimestamp, a.Timestamp)
	put(m, AttrHwAddr, a.HwAddr)
	put(m, AttrMark, a.Mark)
	put(m, AttrUID, a.UID)
	put(m, AttrGID, a.GID)
	put(m, AttrL2HDR, a.L2Hdr)
	put(m, AttrCt, a.Ct)
	put(m, AttrCtInfo, a.CtInfo)
	put(m, AttrSkbInfo, a.SkbInfo)
	put(m, AttrExp, a.Exp)
	put(m, AttrSecCtx, a.SecCtx)
	put(m, AttrVlanProto, a.VlanProto)
	put(m, AttrVlanTCI, a.VlanTCI)
	return m
}
