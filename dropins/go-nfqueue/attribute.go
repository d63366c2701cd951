// SPDX-License-Identifier: MIT

package nfqueue

import (
	"encoding/binary"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// What the pointers of an Attribute lead to, one for each packet of a batch: one piece of memory
// instead of one for each field.
type values struct {
	id, mark, inDev, physInDev, outDev, physOutDev uint32
	capLen, uid, gid, ctInfo, priority             uint32
	hwProtocol, vlanProto, vlanTCI                 uint16
	hook                                           uint8
	payload                                        []byte
}

// point gives a pointer to the place of a value that is there.
func point[T any](place *T) func(T, bool) *T {
	return func(value T, ok bool) *T {
		if !ok {
			return nil
		}
		*place = value
		return place
	}
}

// some is the same for what is rare.
func some[T any](value T, ok bool) *T {
	if !ok {
		return nil
	}
	return &value
}

// An arena is memory that payloads are copied to, many in one piece. Whoever keeps one of them
// keeps its piece.
type arena []byte

const (
	pieceSize = 32 << 10
	pieceRest = 2 << 10 // less than that is given up for a new piece
)

func (a *arena) payload(packet *nfbind.Packet) ([]byte, bool) {
	if cap(*a)-len(*a) < pieceRest {
		*a = make([]byte, 0, pieceSize)
	}
	used := len(*a)
	data, ok := packet.AppendPayload((*a)[used:])
	size := len(data)
	if size <= cap(*a)-used {
		*a = (*a)[:used+size]
	}
	// What does not fit lies elsewhere.
	return data[:size:size], ok
}

func (v *values) attribute(packet *nfbind.Packet, payloads *arena) Attribute {
	a := Attribute{
		PacketID:   point(&v.id)(packet.ID()),
		Hook:       point(&v.hook)(packet.Hook()),
		Mark:       point(&v.mark)(packet.Mark()),
		InDev:      point(&v.inDev)(packet.Indev()),
		PhysInDev:  point(&v.physInDev)(packet.Physindev()),
		OutDev:     point(&v.outDev)(packet.Outdev()),
		PhysOutDev: point(&v.physOutDev)(packet.Physoutdev()),
		Payload:    point(&v.payload)(payloads.payload(packet)),
		CapLen:     point(&v.capLen)(packet.CapLen()),
		UID:        point(&v.uid)(packet.UID()),
		GID:        point(&v.gid)(packet.GID()),
		SecCtx:     some(packet.Secctx()),
		L2Hdr:      some(packet.L2hdr()),
		HwAddr:     some(packet.Hwaddr()),
		HwProtocol: point(&v.hwProtocol)(packet.HwProtocol()),
		CtInfo:     point(&v.ctInfo)(packet.CtInfo()),
		SkbPrio:    point(&v.priority)(packet.Priority()),
		VlanProto:  point(&v.vlanProto)(packet.VlanProto()),
		VlanTCI:    point(&v.vlanTCI)(packet.VlanTci()),
	}
	if nanoseconds, ok := packet.Timestamp(); ok {
		a.Timestamp = some(time.Unix(0, int64(nanoseconds)), true)
	}
	if info, ok := packet.SkbInfo(); ok {
		a.SkbInfo = some(binary.BigEndian.AppendUint32(nil, info), true)
	}
	if a.CtInfo != nil {
		if data, err := packet.CtData(); data != nil && err == nil {
			a.Ct = &data
		}
	}
	return a
}
