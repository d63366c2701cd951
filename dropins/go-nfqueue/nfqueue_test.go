// SPDX-License-Identifier: MIT

package nfqueue_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue"
)

func TestNames(t *testing.T) {
	for i, got := range []int{nfqueue.NfDrop, nfqueue.NfAccept, nfqueue.NfStolen, nfqueue.NfQeueue, nfqueue.NfRepeat, nfqueue.NfStop} {
		if got != i {
			t.Error("verdict", got, i)
		}
	}
	for i, got := range []int{nfqueue.NfQnlCopyNone, nfqueue.NfQnlCopyMeta, nfqueue.NfQnlCopyPacket} {
		if got != i {
			t.Error("copy mode", got, i)
		}
	}
	flags := []int{nfqueue.NfQaCfgFlagFailOpen, nfqueue.NfQaCfgFlagConntrack, nfqueue.NfQaCfgFlagGSO,
		nfqueue.NfQaCfgFlagUIDGid, nfqueue.NfQaCfgFlagSecCx}
	for i, got := range flags {
		if got != 1<<i {
			t.Error("flag", got, i)
		}
	}
	for _, err := range []error{nfqueue.ErrRecvMsg, nfqueue.ErrUnexpMsg, nfqueue.ErrInvFlag, nfqueue.ErrNotLinux, nfqueue.ErrInvalidVerdict} {
		if err == nil || err.Error() == "" {
			t.Error("an error without a sentence")
		}
	}
}

// What programs call, as an interface of theirs would say it.
var _ interface {
	Register(context.Context, nfqueue.HookFunc) error
	RegisterWithErrorFunc(context.Context, nfqueue.HookFunc, nfqueue.ErrorFunc) error
	SetVerdict(id uint32, verdict int) error
	SetVerdictBatch(id uint32, verdict int) error
	SetVerdictWithOption(id uint32, verdict int, options ...nfqueue.VerdictOption) error
	SetVerdictWithMark(id uint32, verdict, mark int) error
	SetVerdictWithConnMark(id uint32, verdict, mark int) error
	SetVerdictWithLabel(id uint32, verdict int, label []byte) error
	SetVerdictModPacket(id uint32, verdict int, packet []byte) error
	SetVerdictModPacketWithMark(id uint32, verdict, mark int, packet []byte) error
	SetVerdictModPacketWithConnMark(id uint32, verdict, mark int, packet []byte) error
	SetVerdictModPacketWithLabel(id uint32, verdict int, label []byte, packet []byte) error
	Close() error
} = (*nfqueue.Nfqueue)(nil)

func TestAcceptAndDrop(t *testing.T) {
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		if strings.HasPrefix(text(a), "stop") {
			return queue.SetVerdict(*a.PacketID, nfqueue.NfDrop)
		}
		return queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
	}, "one", "stop", "two", "stop it", "three")
	traffic.expect("one", "two", "three")
}

func TestTheDeprecatedRegister(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	must(t, queue.Register(t.Context(), func(a nfqueue.Attribute) int {
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	}))
	traffic.send("by register")
	traffic.expect("by register")
}

func TestAttributes(t *testing.T) {
	config := whole()
	config.Flags = nfqueue.NfQaCfgFlagUIDGid | nfqueue.NfQaCfgFlagGSO
	traffic, queue := newTraffic(t), open(t, config)
	next := collector(t, queue)
	traffic.send("look at me")
	a := next()
	lo, err := net.InterfaceByName("lo")
	must(t, err)
	if *a.PacketID != 1 || *a.Hook != 3 || *a.HwProtocol != 0x0800 || *a.OutDev != uint32(lo.Index) {
		t.Error(*a.PacketID, *a.Hook, *a.HwProtocol, *a.OutDev)
	}
	if len(*a.Payload) != 38 || (*a.Payload)[0] != 0x45 || text(a) != "look at me" {
		t.Errorf("%x", *a.Payload)
	}
	if a.UID == nil || a.GID == nil {
		t.Error("no owner")
	}
	if a.Mark != nil || a.InDev != nil || a.PhysInDev != nil || a.PhysOutDev != nil || a.CapLen != nil ||
		a.SecCtx != nil || a.L2Hdr != nil || a.HwAddr != nil || a.Ct != nil || a.CtInfo != nil || a.Exp != nil ||
		a.VlanProto != nil || a.VlanTCI != nil || a.SkbPrio != nil {
		t.Errorf("%+v", a)
	}
	// Its checksum is filled in on the way out.
	if a.SkbInfo == nil || len(*a.SkbInfo) != 4 || (*a.SkbInfo)[3]&1 == 0 {
		t.Error("skb info", a.SkbInfo)
	}
	// All of it is the program's own.
	(*a.Payload)[28] = 'x'
	_ = append(*a.Payload, "more"...)
	must(t, queue.SetVerdict(*a.PacketID, nfqueue.NfAccept))
	traffic.expect("look at me")
}

func TestPacketsAreCut(t *testing.T) {
	config := whole()
	config.MaxPacketLen = 30
	traffic, queue := newTraffic(t), open(t, config)
	next := collector(t, queue)
	traffic.send("long enough")
	a := next()
	if len(*a.Payload) != 30 || a.CapLen == nil || *a.CapLen != 39 {
		t.Error(len(*a.Payload), a.CapLen)
	}
	// Bytes in its place would be cut, too: the kernel takes no more than it gave.
	if err := queue.SetVerdictModPacket(*a.PacketID, nfqueue.NfAccept, *a.Payload); err == nil {
		t.Error("a packet that came cut was replaced")
	}
	must(t, queue.SetVerdict(*a.PacketID, nfqueue.NfAccept))
	traffic.expect("long enough")
}

// Payloads lie side by side in one piece of memory, or alone: each is its owner's.
func TestPayloadsStayWhatTheyAre(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	var texts []string
	var seen []nfqueue.Attribute
	for i, size := range []int{1, 60000, 3000, 20000, 500, 40000, 1, 1400, 31000, 33000, 2} {
		texts = append(texts, strings.Repeat(string(rune('a'+i)), size))
	}
	for range 10 {
		for _, text := range texts {
			traffic.send(text)
			a := next()
			seen = append(seen, a)
			must(t, queue.SetVerdict(*a.PacketID, nfqueue.NfAccept))
			_ = append(*a.Payload, strings.Repeat("!", 100)...)
		}
		traffic.expect(texts...)
	}
	for i, a := range seen {
		if text(a) != texts[i%len(texts)] {
			t.Fatal("payload has changed", i)
		}
	}
}

func TestCopyModes(t *testing.T) {
	config := whole()
	config.Copymode = nfqueue.NfQnlCopyMeta
	traffic, queue := newTraffic(t), open(t, config)
	next := collector(t, queue)
	traffic.send("meta")
	a := next()
	if a.Payload != nil || *a.HwProtocol != 0x0800 {
		t.Error(a.Payload)
	}
	must(t, queue.SetVerdict(*a.PacketID, nfqueue.NfAccept))
	traffic.expect("meta")
	must(t, queue.Close())

	// What nothing is copied of is dropped unseen, as the kernel does.
	config.Copymode = nfqueue.NfQnlCopyNone
	queue = open(t, config)
	register(t, queue, func(nfqueue.Attribute) int {
		t.Error("the hook was called")
		return 0
	})
	traffic.send("none")
	until(t, "the end of the packet", func() bool { return waiting(t) == 0 })
	must(t, queue.Close())
	queue = open(t, whole())
	register(t, queue, func(a nfqueue.Attribute) int { queue.SetVerdict(*a.PacketID, nfqueue.NfAccept); return 0 })
	traffic.send("after")
	traffic.expect("after")
}

// waiting is how many packets the kernel has waiting in the queue.
func waiting(t *testing.T) (count int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/netfilter/nfnetlink_queue")
	if err != nil {
		t.Skip("this kernel has no /proc/net/netfilter/nfnetlink_queue")
	}
	for line := range strings.Lines(string(text)) {
		var queue, owner, queued int
		if fmt.Sscan(line, &queue, &owner, &queued); queue == number {
			count += queued
		}
	}
	return count
}

func TestMarks(t *testing.T) {
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		switch text(a) {
		case "repeat":
			if a.Mark != nil {
				return errors.New("a packet with that mark came twice")
			}
			return queue.SetVerdictWithMark(*a.PacketID, nfqueue.NfRepeat, repeats)
		case "end":
			return queue.SetVerdictWithMark(*a.PacketID, nfqueue.NfAccept, ends)
		case "end by option":
			return queue.SetVerdictWithOption(*a.PacketID, nfqueue.NfAccept, nfqueue.WithMark(ends))
		}
		return queue.SetVerdictWithOption(*a.PacketID, nfqueue.NfAccept)
	}, "repeat", "end", "end by option", "plain")
	traffic.expect("repeat", "plain")
}

// changed is a UDP packet with another payload, and without a checksum, which is right.
func changed(a nfqueue.Attribute, text string) []byte {
	packet := append(append([]byte{}, (*a.Payload)[:28]...), text...)
	put := func(at, value int) { packet[at], packet[at+1] = byte(value>>8), byte(value) }
	put(2, len(packet))
	put(24, len(text)+8)
	put(26, 0)
	put(10, 0)
	sum := 0
	for i := 0; i < 20; i += 2 {
		sum += int(packet[i])<<8 | int(packet[i+1])
	}
	put(10, ^(sum&0xffff + sum>>16))
	return packet
}

func TestPacketsAreReplaced(t *testing.T) {
	label := make([]byte, 16)
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		id, got := *a.PacketID, text(a)
		other := changed(a, got+" has become longer")
		switch got {
		case "plain":
			return queue.SetVerdictModPacket(id, nfqueue.NfAccept, other)
		case "marked":
			return queue.SetVerdictModPacketWithMark(id, nfqueue.NfRepeat, repeats, other)
		case "connection":
			return queue.SetVerdictModPacketWithConnMark(id, nfqueue.NfAccept, 3, other)
		case "labels":
			return queue.SetVerdictModPacketWithLabel(id, nfqueue.NfAccept, label, other)
		case "options":
			return queue.SetVerdictWithOption(id, nfqueue.NfRepeat, nfqueue.WithAlteredPacket(other),
				nfqueue.WithMark(repeats), nfqueue.WithConnMark(3), nfqueue.WithLabel(label), nil)
		case "in place":
			copy((*a.Payload)[28:], "IN")
			return queue.SetVerdictModPacket(id, nfqueue.NfAccept, changed(a, text(a)))
		}
		return queue.SetVerdictModPacket(id, nfqueue.NfAccept, changed(a, "s"))
	}, "plain", "marked", "connection", "labels", "options", "in place", "shorter")
	var wanted []string
	for _, name := range []string{"plain", "marked", "connection", "labels", "options"} {
		wanted = append(wanted, name+" has become longer")
	}
	traffic.expect(append(wanted, "IN place", "s")...)
}

// Taken they are by every kernel.
func TestConnections(t *testing.T) {
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		if text(a) == "mark" {
			return queue.SetVerdictWithConnMark(*a.PacketID, nfqueue.NfAccept, 5)
		}
		for _, size := range []int{0, 15, 17} {
			if queue.SetVerdictWithLabel(*a.PacketID, nfqueue.NfAccept, make([]byte, size)) == nil {
				t.Error("a label with bytes", size)
			}
		}
		return queue.SetVerdictWithLabel(*a.PacketID, nfqueue.NfAccept, make([]byte, 16))
	}, "mark", "labels")
	traffic.expect("mark", "labels")
}

// attribute is the value of a netlink attribute among others, or nil.
func attribute(data []byte, number uint16) []byte {
	for len(data) >= 4 {
		size, kind := int(binary.NativeEndian.Uint16(data)), binary.NativeEndian.Uint16(data[2:])
		if size < 4 || size > len(data) {
			return nil
		}
		if kind&0x3fff == number {
			return data[4:size]
		}
		data = data[min((size+3)&^3, len(data)):]
	}
	return nil
}

func TestConnectionsOfPackets(t *testing.T) {
	config := whole()
	config.Flags = nfqueue.NfQaCfgFlagConntrack
	queue, packets := open(t, config), make(chan nfqueue.Attribute, 10)
	err := queue.RegisterWithErrorFunc(t.Context(), func(a nfqueue.Attribute) int {
		packets <- a
		return 0
	}, func(err error) int { t.Error(err); return 1 })
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Log("this kernel has no connections in queues")
		return
	}
	must(t, err)
	must(t, setUp([][]string{
		{"iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "ACCEPT"},
	}))
	traffic := newTraffic(t)
	// What a verdict changes shows with the next packet of the connection.
	const mark, info = 8, 2
	for i, text := range []string{"new", "marked", "marked again", "labelled"} {
		traffic.send(text)
		a := <-packets
		if a.Ct == nil || a.CtInfo == nil || *a.CtInfo != info || attribute(*a.Ct, 1) == nil {
			t.Fatal(text, a.Ct, a.CtInfo)
		}
		wanted := []uint32{0, 7, 8, 8}[i]
		if value := attribute(*a.Ct, mark); wanted > 0 && (len(value) != 4 || binary.BigEndian.Uint32(value) != wanted) {
			t.Error(text, "has the mark", value)
		}
		id := *a.PacketID
		switch i {
		case 0:
			must(t, queue.SetVerdictWithConnMark(id, nfqueue.NfAccept, 7))
		case 1:
			must(t, queue.SetVerdictWithOption(id, nfqueue.NfAccept, nfqueue.WithConnMark(8)))
		case 2:
			// No rule uses labels: the kernel takes none, nor a mark that comes with them.
			must(t, queue.SetVerdictWithOption(id, nfqueue.NfAccept, nfqueue.WithLabel(append(make([]byte, 15), 1))))
		case 3:
			must(t, queue.SetVerdict(id, nfqueue.NfAccept))
		}
		traffic.expect(text)
	}
}

func TestVerdictsThatThereIsNoneOf(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	traffic.send("one")
	id := *next().PacketID
	for _, verdict := range []int{-1, 6, 1 << 8, 1<<16 | nfqueue.NfAccept, 0x100 | nfqueue.NfQeueue, 1 << 40, -1 << 62} {
		fails(t, queue.SetVerdict(id, verdict), nfqueue.ErrInvalidVerdict)
		fails(t, queue.SetVerdictBatch(id, verdict), nfqueue.ErrInvalidVerdict)
		fails(t, queue.SetVerdictWithMark(id, verdict, 1), nfqueue.ErrInvalidVerdict)
	}
	must(t, queue.SetVerdict(id, nfqueue.NfStop))
	traffic.expect("one")
}

func TestStolenPacketsWait(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	traffic.send("stolen")
	id := *next().PacketID
	must(t, queue.SetVerdict(id, nfqueue.NfStolen))
	must(t, queue.SetVerdictWithMark(id, nfqueue.NfStolen, ends))
	must(t, queue.SetVerdictBatch(id, nfqueue.NfStolen))
	must(t, queue.SetVerdict(id, nfqueue.NfAccept))
	traffic.expect("stolen")
}

func TestToAnotherQueue(t *testing.T) {
	config := whole()
	config.NfQueue = other
	second := open(t, config)
	next := collector(t, second)
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		if text(a) == "nobody" {
			return queue.SetVerdict(*a.PacketID, nfqueue.NfQeueue|77<<16|0x8000)
		}
		return queue.SetVerdict(*a.PacketID, nfqueue.NfQeueue|other<<16)
	}, "on", "nobody")
	a := next()
	if text(a) != "on" {
		t.Error(text(a))
	}
	must(t, second.SetVerdict(*a.PacketID, nfqueue.NfAccept))
	traffic.expect("on", "nobody")
}

func TestVerdictsLaterInAnyOrder(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	const count = 100
	var texts []string
	ids := make([]uint32, count)
	for i := range count {
		texts = append(texts, fmt.Sprint(i))
	}
	traffic.send(texts...)
	for i := range ids {
		ids[i] = *next().PacketID
	}
	for i := range ids {
		must(t, queue.SetVerdict(ids[(i*37)%count], nfqueue.NfAccept))
	}
	traffic.expect(texts...)
}

func TestVerdictsOfManyGoroutines(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	packets := make(chan nfqueue.Attribute, 10)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for a := range packets {
				if err := queue.SetVerdict(*a.PacketID, nfqueue.NfAccept); err != nil {
					t.Error(err)
				}
			}
		})
	}
	register(t, queue, func(a nfqueue.Attribute) int {
		packets <- a // may have to wait for them
		return 0
	})
	const count = 1000
	for i := 0; i < count; i += 50 {
		var texts []string
		for j := range 50 {
			texts = append(texts, fmt.Sprint(i+j))
		}
		traffic.send(texts...)
		traffic.expect(texts...)
	}
	must(t, queue.Close())
	close(packets)
	workers.Wait()
}

func TestManyAtATime(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	traffic.send("a", "b", "c", "d")
	var ids []uint32
	for range 4 {
		ids = append(ids, *next().PacketID)
	}
	must(t, queue.SetVerdict(ids[1], nfqueue.NfDrop))
	must(t, queue.SetVerdictBatch(ids[2], nfqueue.NfAccept))
	traffic.expect("a", "c")
	must(t, queue.SetVerdictBatch(ids[3], nfqueue.NfAccept))
	traffic.expect("d")
}

func TestManyAtATimeInTheHook(t *testing.T) {
	var count int
	var texts []string
	for i := range 200 {
		texts = append(texts, fmt.Sprint(i))
	}
	traffic := judged(t, func(queue *nfqueue.Nfqueue, a nfqueue.Attribute) error {
		if count++; count%10 == 0 {
			return queue.SetVerdictBatch(*a.PacketID, nfqueue.NfAccept)
		}
		return nil
	}, texts...)
	traffic.expect(texts...)
}

// The kernel would say that it has no such packet.
func TestVerdictsForNobody(t *testing.T) {
	config, lines := whole(), &log{}
	config.Logger = lines
	traffic, queue := newTraffic(t), open(t, config)
	must(t, queue.SetVerdict(4711, nfqueue.NfAccept))
	lines.expect(t, "4711")
	next := collector(t, queue)
	traffic.send("one")
	id := *next().PacketID
	for _, bad := range []uint32{0, id + 1, 1 << 31, 1<<32 - 1} {
		must(t, queue.SetVerdict(bad, nfqueue.NfDrop))
		must(t, queue.SetVerdictWithMark(bad, nfqueue.NfDrop, 1))
		lines.expect(t, fmt.Sprintf("packet %d:", bad))
	}
	must(t, queue.SetVerdictBatch(id-1, nfqueue.NfDrop))
	lines.expect(t, fmt.Sprintf("up to %d", id-1))
	must(t, queue.SetVerdict(id, nfqueue.NfAccept))
	traffic.expect("one")
	must(t, queue.SetVerdict(id, nfqueue.NfAccept))
	lines.expect(t, fmt.Sprintf("packet %d:", id))
}

// A hook that does not return lets no verdict wait: neither its own, nor those before it, nor those of
// other goroutines.
func TestHooksThatDoNotReturn(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	free, blocked := make(chan struct{}), make(chan uint32)
	register(t, queue, func(a nfqueue.Attribute) int {
		switch text(a) {
		case "first":
			<-free // until all packets are there: they come as one batch
			queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		case "block":
			blocked <- *a.PacketID
			<-free
		case "judge and block":
			queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
			<-free
		default:
			queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		}
		return 0
	})
	traffic.send("first")
	traffic.send("a", "b", "block", "c", "judge and block", "d")
	free <- struct{}{}
	traffic.expect("first", "a", "b")
	id := <-blocked
	must(t, queue.SetVerdict(id, nfqueue.NfAccept))
	traffic.expect("block")
	free <- struct{}{}
	traffic.expect("c", "judge and block")
	free <- struct{}{}
	traffic.expect("d")
}

func TestTheHookSaysEnd(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	var calls atomic.Int32
	register(t, queue, func(a nfqueue.Attribute) int {
		calls.Add(1)
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 1
	})
	traffic.send("last")
	traffic.expect("last")
	unbound(t, queue)
	if calls.Load() != 1 {
		t.Error("called after its end:", calls.Load())
	}
}

func TestTheContextEnds(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	ctx, cancel := context.WithCancel(t.Context())
	hook := func(a nfqueue.Attribute) int {
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	}
	failed := func(err error) int {
		t.Error("the error function got", err)
		return 0
	}
	must(t, queue.RegisterWithErrorFunc(ctx, hook, failed))
	fails(t, queue.RegisterWithErrorFunc(ctx, hook, failed), syscall.EBUSY)
	traffic.send("before")
	traffic.expect("before")
	cancel()
	unbound(t, queue)
	fails(t, queue.RegisterWithErrorFunc(ctx, hook, failed), context.Canceled)
	// Another one goes on.
	until(t, "the queue to be free", func() bool {
		return queue.RegisterWithErrorFunc(t.Context(), hook, failed) == nil
	})
	traffic.send("after")
	traffic.expect("after")
}

func TestTheContextEndsInTheHook(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	start := make(chan struct{})
	must(t, queue.RegisterWithErrorFunc(ctx, func(a nfqueue.Attribute) int {
		<-start
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		if calls.Add(1) == 2 {
			cancel()
		}
		return 0
	}, func(err error) int { t.Error(err); return 1 }))
	traffic.send("1", "2", "3", "4", "5")
	close(start)
	unbound(t, queue)
	// The context is looked at before each call, but by another goroutine.
	traffic.expect([]string{"1", "2", "3", "4", "5"}[:calls.Load()]...)
}

func TestTheGoroutineEndsInTheHook(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	register(t, queue, func(a nfqueue.Attribute) int {
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		runtime.Goexit()
		return 0
	})
	traffic.send("exit")
	traffic.expect("exit")
	unbound(t, queue)
}

func TestMisuse(t *testing.T) {
	if _, err := nfqueue.Open(nil); err == nil {
		t.Error("opened without a configuration")
	}
	_, err := nfqueue.Open(&nfqueue.Config{Flags: 1 << 5})
	fails(t, err, nfqueue.ErrInvFlag)
	if _, err = nfqueue.Open(&nfqueue.Config{NetNS: 4711}); err == nil {
		t.Error("opened in a namespace that is none")
	}
	if _, err = nfqueue.Open(&nfqueue.Config{NetNS: -1}); err == nil {
		t.Error("opened in a namespace that is none")
	}
	config := whole()
	config.Copymode = 3
	hook, failed := func(nfqueue.Attribute) int { return 0 }, func(error) int { return 0 }
	if open(t, config).RegisterWithErrorFunc(t.Context(), hook, failed) == nil {
		t.Error("a copy mode that is none")
	}
	queue := open(t, whole())
	for _, err := range []error{
		queue.Register(t.Context(), nil),
		queue.Register(nil, hook), //nolint:staticcheck // what is tried
		queue.RegisterWithErrorFunc(t.Context(), nil, failed),
		queue.RegisterWithErrorFunc(t.Context(), hook, nil),
		queue.SetOption(99, true),
		queue.SetOption(nil, true),
		queue.SetOption("NoENOBUFS", true),
	} {
		if err == nil {
			t.Error("misuse was taken")
		}
	}
	register(t, queue, hook)
	err = open(t, whole()).RegisterWithErrorFunc(t.Context(), hook, failed)
	fails(t, err, syscall.EBUSY)
}

func TestAfterClose(t *testing.T) {
	queue := open(t, whole())
	register(t, queue, func(nfqueue.Attribute) int { return 0 })
	must(t, queue.Close())
	for _, err := range all(queue) {
		fails(t, err, os.ErrClosed)
	}
	for _, never := range []*nfqueue.Nfqueue{nil, {}} {
		for _, err := range all(never) {
			if err == nil {
				t.Error("what was never opened did something")
			}
		}
	}
}

func all(queue *nfqueue.Nfqueue) []error {
	hook, failed := func(nfqueue.Attribute) int { return 0 }, func(error) int { return 0 }
	_, err := queue.Fd()
	return []error{
		err,
		queue.Close(),
		queue.Register(context.Background(), hook),
		queue.RegisterWithErrorFunc(context.Background(), hook, failed),
		queue.SetVerdict(1, nfqueue.NfAccept),
		queue.SetVerdict(1, nfqueue.NfStolen),
		queue.SetVerdictBatch(1, nfqueue.NfAccept),
		queue.SetVerdictWithMark(1, nfqueue.NfAccept, 1),
		queue.SetVerdictModPacket(1, nfqueue.NfAccept, []byte("x")),
		queue.SetVerdictWithOption(1, nfqueue.NfAccept),
		queue.SetOption(nfqueue.NoENOBUFS, true),
		queue.SetReadBuffer(1),
		queue.SetWriteBuffer(1),
	}
}

func TestCloseInTheHook(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	closed := make(chan error)
	register(t, queue, func(a nfqueue.Attribute) int {
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		closed <- queue.Close()
		return 0
	})
	traffic.send("bye")
	must(t, <-closed)
	traffic.expect("bye")
}

func TestPacketsThatWaitEndWithTheQueue(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, whole())
	next := collector(t, queue)
	traffic.send("waits")
	id := *next().PacketID
	must(t, queue.Close())
	fails(t, queue.SetVerdict(id, nfqueue.NfAccept), os.ErrClosed)
	queue = open(t, whole())
	register(t, queue, func(a nfqueue.Attribute) int { queue.SetVerdict(*a.PacketID, nfqueue.NfAccept); return 0 })
	traffic.send("comes")
	traffic.expect("comes")
}

// The receive buffer is too small for what comes while the hook runs.
func overrun(t *testing.T, prepare func(queue *nfqueue.Nfqueue)) (told error) {
	traffic, queue := newTraffic(t), open(t, whole())
	must(t, queue.SetReadBuffer(1))
	prepare(queue)
	start, failures := make(chan struct{}), make(chan error, 100)
	must(t, queue.RegisterWithErrorFunc(t.Context(), func(a nfqueue.Attribute) int {
		<-start
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	}, func(err error) int {
		select {
		case failures <- err:
		default:
		}
		return 0
	}))
	for range 100 {
		traffic.send(strings.Repeat("x", 1000))
	}
	close(start)
	traffic.expect(strings.Repeat("x", 1000))
	until(t, "the last packet", func() bool { return waiting(t) == 0 })
	// The queue goes on; this one comes behind the loss.
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); {
		traffic.send("end")
		room := make([]byte, 2000)
		traffic.to.SetReadDeadline(time.Now().Add(time.Second))
		if n, _, _ := traffic.to.ReadFrom(room); string(room[:n]) == "end" {
			break
		}
	}
	must(t, queue.Close())
	select {
	case told = <-failures:
	default:
	}
	return told
}

func TestLossIsTold(t *testing.T) {
	fails(t, overrun(t, func(*nfqueue.Nfqueue) {}), syscall.ENOBUFS)
}

func TestLossIsNotTold(t *testing.T) {
	err := overrun(t, func(queue *nfqueue.Nfqueue) {
		must(t, queue.SetOption(nfqueue.NoENOBUFS, false))
		must(t, queue.SetOption(nfqueue.NoENOBUFS, true))
	})
	must(t, err)
}

func TestOptions(t *testing.T) {
	queue := open(t, whole())
	// Programs have these numbers from another package.
	type elsewhere int
	for option, number := range map[nfqueue.ConnOption]int{nfqueue.PacketInfo: 3, nfqueue.BroadcastError: 4, elsewhere(2): 5,
		nfqueue.CapAcknowledge: 10, nfqueue.ExtendedAcknowledge: 11, nfqueue.GetStrictCheck: 12} {
		must(t, queue.SetOption(option, true))
		fd, err := queue.Fd()
		must(t, err)
		if value, err := syscall.GetsockoptInt(fd, 270, number); err != nil || value == 0 {
			t.Error(option, value, err)
		}
	}
	must(t, queue.SetReadBuffer(100000))
	must(t, queue.SetWriteBuffer(100000))
	fd, err := queue.Fd()
	must(t, err)
	if size, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF); err != nil || size != 200000 {
		t.Error(size, err)
	}
}

// A thread with a namespace of its own, where the traffic is; the hook is registered from here.
func TestNetNS(t *testing.T) {
	namespace, ask, done := make(chan int), make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		done <- inNamespace(namespace, ask)
	}()
	var fd int
	select {
	case fd = <-namespace:
	case err := <-done:
		t.Fatal(err)
	}
	config := whole()
	config.NetNS = fd
	queue := open(t, config)
	must(t, syscall.Close(fd))
	seen := make(chan string, 10)
	register(t, queue, func(a nfqueue.Attribute) int {
		seen <- text(a)
		queue.SetVerdict(*a.PacketID, nfqueue.NfAccept)
		return 0
	})
	close(ask)
	must(t, <-done)
	if got := <-seen; got != "elsewhere" {
		t.Error(got)
	}
}

func inNamespace(namespace chan int, ask chan struct{}) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return err
	}
	if err := setUp(rules()); err != nil {
		return err
	}
	fd, err := syscall.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", syscall.Gettid()), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	to, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer to.Close()
	namespace <- fd
	<-ask
	from, err := net.Dial("udp4", to.LocalAddr().String())
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err = from.Write([]byte("elsewhere")); err != nil {
		return err
	}
	room := make([]byte, 100)
	to.SetReadDeadline(time.Now().Add(patient))
	if n, _, err := to.ReadFrom(room); err != nil || string(room[:n]) != "elsewhere" {
		return fmt.Errorf("received %q: %w", room[:n], err)
	}
	return nil
}

// All at once, and whatever comes: no race, no crash, nothing for ever.
func TestHostile(t *testing.T) {
	for round := range 5 {
		traffic, queue := newTraffic(t), open(t, whole())
		register(t, queue, func(a nfqueue.Attribute) int {
			switch id := *a.PacketID; id % 5 {
			case 0:
				queue.SetVerdictBatch(id-1, nfqueue.NfAccept)
			case 1:
				queue.SetVerdict(id, nfqueue.NfAccept)
				queue.SetVerdict(id, nfqueue.NfDrop)
			case 2:
				queue.SetVerdictModPacketWithMark(id, nfqueue.NfAccept, 3, []byte("x"))
			case 3:
				queue.SetVerdictModPacket(id, nfqueue.NfAccept, make([]byte, 1<<17))
			}
			return 0
		})
		var everybody sync.WaitGroup
		for worker := range uint32(4) {
			everybody.Go(func() {
				for i := range uint32(300) {
					queue.SetVerdict(i*worker, nfqueue.NfAccept)
					queue.SetVerdictBatch(i, nfqueue.NfDrop)
					queue.SetVerdictWithConnMark(i, nfqueue.NfAccept, 1)
					queue.SetVerdictModPacket(i, nfqueue.NfRepeat, nil)
				}
			})
		}
		everybody.Go(func() {
			for range 300 {
				traffic.from.Write([]byte("whatever"))
			}
			if round%2 == 0 {
				queue.Close()
			}
		})
		everybody.Wait()
		queue.Close()
		traffic.from.Close()
		traffic.to.Close()
	}
}
