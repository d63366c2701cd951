// SPDX-License-Identifier: MIT

package nfqueue

import (
	"errors"
	"syscall"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// Another queue that nobody reads lets the packet pass: NF_VERDICT_FLAG_QUEUE_BYPASS.
const bypass = 0x8000

// VerdictOption changes what goes along with a verdict.
type VerdictOption func(*verdictOptions) error

type verdictOptions struct {
	mark, connMark *uint32
	label          []byte
	packet         []byte
	hasPacket      bool
}

// WithMark gives the packet a mark.
func WithMark(mark uint32) VerdictOption {
	return func(options *verdictOptions) error {
		options.mark = &mark
		return nil
	}
}

// WithConnMark gives the packet's connection a mark.
func WithConnMark(mark uint32) VerdictOption {
	return func(options *verdictOptions) error {
		options.connMark = &mark
		return nil
	}
}

// WithLabel gives the packet's connection these labels, 16 bytes. The kernel takes them where a rule
// of the namespace looks at labels.
func WithLabel(label []byte) VerdictOption {
	return func(options *verdictOptions) error {
		if len(label) != 16 {
			return errLabel
		}
		options.label = label
		return nil
	}
}

// WithAlteredPacket puts these bytes in the place of the packet.
func WithAlteredPacket(packet []byte) VerdictOption {
	return func(options *verdictOptions) error {
		options.packet, options.hasPacket = packet, true
		return nil
	}
}

// SetVerdict decides on a packet. The error is one of sending: that nothing of this id waits for a
// verdict is told to the logger.
func (nfqueue *Nfqueue) SetVerdict(id uint32, verdict int) error {
	number, err := nfqueue.verdict(verdict)
	if err != nil || verdict == NfStolen {
		return err
	}
	return nfqueue.desk.decide(id, number, nil)
}

// SetVerdictWithOption decides on a packet and changes it.
func (nfqueue *Nfqueue) SetVerdictWithOption(id uint32, verdict int, options ...VerdictOption) error {
	number, err := nfqueue.verdict(verdict)
	if err != nil {
		return err
	}
	change := &verdictOptions{}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err = option(change); err != nil {
			return err
		}
	}
	if verdict == NfStolen {
		return nil
	}
	return nfqueue.desk.decide(id, number, change)
}

// SetVerdictBatch decides on all packets that wait, up to this id.
func (nfqueue *Nfqueue) SetVerdictBatch(id uint32, verdict int) error {
	number, err := nfqueue.verdict(verdict)
	if err != nil || verdict == NfStolen {
		return err
	}
	return nfqueue.desk.decideUpTo(id, number)
}

// verdict is the library's number for one.
func (nfqueue *Nfqueue) verdict(verdict int) (nfbind.Verdict, error) {
	switch {
	case verdict >= NfDrop && verdict <= NfStop:
	case verdict > 0 && verdict&0xff == NfQeueue && verdict&^(0xffff<<16|bypass|0xff) == 0:
	default:
		return 0, ErrInvalidVerdict
	}
	return nfbind.Verdict(verdict), nfqueue.check()
}

// apply sets on a packet what goes along with its verdict. What fails leaves the packet as it was.
func (options *verdictOptions) apply(packet *nfbind.Packet, logger Logger) error {
	if options == nil {
		return nil
	}
	if err := options.applyToConnection(packet); err != nil {
		if !errors.Is(err, syscall.ENODATA) {
			return err
		}
		// The kernel would do the same, and not say so.
		logger.Errorf("nfqueue: mark or label of a packet without connection: %v", err)
	}
	if options.hasPacket {
		if err := packet.SetPayload(options.packet); err != nil {
			packet.Clear(nfbind.PacketFieldCt)
			return err
		}
	}
	if options.mark != nil {
		return packet.SetMark(*options.mark)
	}
	return nil
}

func (options *verdictOptions) applyToConnection(packet *nfbind.Packet) error {
	if options.connMark == nil && options.label == nil {
		return nil
	}
	ct, err := nfbind.NewCt()
	if err != nil {
		return err
	}
	defer ct.Free()
	if options.connMark != nil {
		err = ct.SetMark(*options.connMark)
	}
	if err == nil && options.label != nil {
		err = ct.SetLabels(options.label)
	}
	if err == nil {
		err = packet.SetCt(ct)
	}
	return err
}

// The older verbs.

// SetVerdictWithMark decides on a packet and gives it a mark.
//
// Deprecated: use SetVerdictWithOption and WithMark.
func (nfqueue *Nfqueue) SetVerdictWithMark(id uint32, verdict, mark int) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithMark(uint32(mark)))
}

// SetVerdictWithConnMark decides on a packet and gives its connection a mark.
//
// Deprecated: use SetVerdictWithOption and WithConnMark.
func (nfqueue *Nfqueue) SetVerdictWithConnMark(id uint32, verdict, mark int) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithConnMark(uint32(mark)))
}

// SetVerdictWithLabel decides on a packet and gives its connection labels.
//
// Deprecated: use SetVerdictWithOption and WithLabel.
func (nfqueue *Nfqueue) SetVerdictWithLabel(id uint32, verdict int, label []byte) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithLabel(label))
}

// SetVerdictModPacket decides on a packet and replaces it.
//
// Deprecated: use SetVerdictWithOption and WithAlteredPacket.
func (nfqueue *Nfqueue) SetVerdictModPacket(id uint32, verdict int, packet []byte) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithAlteredPacket(packet))
}

// SetVerdictModPacketWithMark decides on a packet, replaces it and gives it a mark.
//
// Deprecated: use SetVerdictWithOption, WithMark and WithAlteredPacket.
func (nfqueue *Nfqueue) SetVerdictModPacketWithMark(id uint32, verdict, mark int, packet []byte) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithMark(uint32(mark)), WithAlteredPacket(packet))
}

// SetVerdictModPacketWithConnMark decides on a packet, replaces it and gives its connection a mark.
//
// Deprecated: use SetVerdictWithOption, WithConnMark and WithAlteredPacket.
func (nfqueue *Nfqueue) SetVerdictModPacketWithConnMark(id uint32, verdict, mark int, packet []byte) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithConnMark(uint32(mark)), WithAlteredPacket(packet))
}

// SetVerdictModPacketWithLabel decides on a packet, replaces it and gives its connection labels.
//
// Deprecated: use SetVerdictWithOption, WithLabel and WithAlteredPacket.
func (nfqueue *Nfqueue) SetVerdictModPacketWithLabel(id uint32, verdict int, label []byte, packet []byte) error {
	return nfqueue.SetVerdictWithOption(id, verdict, WithLabel(label), WithAlteredPacket(packet))
}
