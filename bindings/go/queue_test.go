// SPDX-License-Identifier: MIT

package nfbind_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

func TestAcceptDropRewrite(t *testing.T) {
	traffic, queue := newTraffic(t), open(t, nfbind.WithFailOpen(true), nfbind.WithGSO(false))
	traffic.send("pass", "stop", "change")
	var seen []string
	for packet, err := range queue.Packets(t.Context()) {
		must(t, err)
		text, _ := packet.L4Payload()
		seen = append(seen, string(text))
		switch string(text) {
		case "stop":
			must(t, packet.Drop())
		case "change":
			must(t, packet.SetL4Payload([]byte("changed")))
			must(t, packet.SetMark(7))
			if mark, ok := packet.Mark(); mark != 7 || !ok {
				t.Fatal("the mark is not what was set:", mark)
			}
			must(t, packet.Accept())
		default:
			must(t, packet.Accept())
		}
		if len(seen) == 3 {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "pass stop change" {
		t.Fatal(got)
	}
	must(t, queue.Settle())
	traffic.expect("pass", "changed")
	stats, err := queue.ReadStats(number)
	must(t, err)
	if stats.Received != 3 || stats.Decided != 3 || stats.Defaulted != 0 {
		t.Fatalf("%+v", stats)
	}
}

func TestWhatAReaderSeesCostsNoCall(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("look")
	packet := receive(t, queue)[0]
	payload, ok := packet.Payload()
	if !ok || len(payload) != 32 || string(payload[28:]) != "look" {
		t.Fatalf("%q", payload)
	}
	protocol, ok := packet.HwProtocol()
	if !ok || protocol != 0x800 {
		t.Fatal(protocol)
	}
	hook, ok := packet.Hook()
	if !ok || hook != 3 {
		t.Fatal(hook)
	}
	if _, ok = packet.Mark(); ok {
		t.Fatal("a mark of 0 is absent")
	}
	if address, ok := packet.IPSrc(); !ok || address.String() != "127.0.0.1" {
		t.Fatal(address)
	}
	if text := packet.String(); !strings.Contains(text, "127.0.0.1") {
		t.Fatal(text)
	}
	must(t, packet.Accept())
	room := make([]byte, 0, 100)
	if same, ok := packet.AppendPayload(room); !ok || string(same) != string(payload) || &same[0] != &room[:1][0] {
		t.Fatal("not appended to the caller's slice")
	}
	// The bytes are Go's own: they stay. Those that nobody asked for go with the batch.
	must(t, queue.Settle())
	if string(payload[28:]) != "look" {
		t.Fatal("the payload has changed")
	}
	if again, ok := packet.Payload(); ok || again != nil {
		t.Fatal("a payload of a batch that is gone")
	}
	if same, ok := packet.AppendPayload([]byte("x")); ok || string(same) != "x" {
		t.Fatal("appended from a batch that is gone")
	}
	if id, ok := packet.ID(); !ok || id == 0 {
		t.Fatal("the numbers are Go's own too")
	}
	traffic.expect("look")
}

func TestDecidingTwiceAndTooLate(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("twice", "late")
	packets := receive(t, queue)
	must(t, packets[0].Accept())
	fails(t, packets[0].Accept(), syscall.EALREADY)
	fails(t, packets[0].Verdict(nfbind.VerdictStop), syscall.EALREADY)
	fails(t, packets[0].SetMark(3), syscall.EALREADY)
	_, err := packets[0].Keep()
	fails(t, err, syscall.EALREADY)
	for len(packets) < 2 {
		packets = append(packets, receive(t, queue)...)
	}
	must(t, queue.Settle())
	fails(t, packets[1].Accept(), syscall.EALREADY)
	_, err = packets[1].Keep()
	fails(t, err, syscall.EBADF)
	fails(t, packets[1].SetMark(3), syscall.EBADF)
	if _, ok := packets[1].IPSrc(); ok {
		t.Fatal("a header of a packet whose batch is gone")
	}
	traffic.expect("twice")
	traffic.expectNothing()
}

func TestHeldBatch(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("held")
	batch, err := queue.Receive(t.Context())
	must(t, err)
	batch.Hold()
	must(t, queue.Close())
	for packet := range batch.Packets() {
		if address, _ := packet.IPSrc(); address.String() != "127.0.0.1" {
			t.Fatal(address)
		}
		if data, ok := packet.Payload(); !ok || string(data[28:]) != "held" {
			t.Fatalf("%q", data)
		}
		fails(t, packet.Accept(), syscall.EALREADY)
		fails(t, packet.Verdict(nfbind.VerdictStop), syscall.EALREADY)
	}
	batch.Free()
	batch.Free()
}

func TestKeptPackets(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("later")
	packet := receive(t, queue)[0]
	kept, err := packet.Keep()
	must(t, err)
	fails(t, packet.Verdict(nfbind.VerdictStop), syscall.EALREADY)
	must(t, queue.Settle())
	traffic.expectNothing()
	must(t, kept.Accept())
	traffic.expect("later")
	fails(t, kept.Accept(), syscall.EALREADY)
	kept.Free()
	fails(t, kept.Accept(), syscall.EBADF)
}

func TestVerdictsOfOtherGoroutines(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	const count = 100
	kept := make(chan *nfbind.Packet)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for packet := range kept {
				if err := packet.Accept(); err != nil {
					t.Error(err)
				}
				packet.Free()
			}
		})
	}
	go func() {
		for range count {
			traffic.from.Write([]byte("one"))
		}
	}()
	seen := 0
	for packet, err := range queue.Packets(t.Context()) {
		must(t, err)
		own, err := packet.Keep()
		must(t, err)
		kept <- own
		if seen++; seen == count {
			break
		}
	}
	close(kept)
	workers.Wait()
	for range count {
		traffic.expect("one")
	}
}

func TestDecisionsInOneCall(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("given")
	batch, err := queue.Receive(t.Context())
	must(t, err)
	summaries, err := batch.Export()
	must(t, err)
	decisions := []nfbind.Decision{
		{Queue: number, ID: summaries[0].ID, Verdict: uint32(nfbind.VerdictAccept)},
		{Queue: number, ID: 99999, Verdict: uint32(nfbind.VerdictAccept)},
	}
	count, err := queue.VerdictMany(decisions, nil)
	must(t, err)
	if count != 1 || decisions[0].Result != 0 || decisions[1].Result != -int32(syscall.ENOENT) {
		t.Fatal(count, decisions)
	}
	must(t, queue.Settle())
	traffic.expect("given")
}

func TestFeeding(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("fed")
	fd, err := queue.Fd()
	must(t, err)
	room := make([]byte, 70000)
	n, _, err := syscall.Recvfrom(fd, room, 0)
	must(t, err)
	batch, err := queue.Feed(room[:n])
	must(t, err)
	for packet := range batch.Packets() {
		must(t, packet.Accept())
	}
	must(t, queue.Settle())
	traffic.expect("fed")
	_, err = queue.Feed([]byte("nonsense"))
	fails(t, err, syscall.EBADMSG)
}

func TestContextEndsTheWait(t *testing.T) {
	queue := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := queue.Receive(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	for _, err := range queue.Packets(ctx) {
		t.Fatal("a packet from nowhere", err)
	}
	if _, err = queue.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// The session goes on.
	traffic := newTraffic(t)
	traffic.send("on")
	must(t, receive(t, queue)[0].Accept())
	must(t, queue.Settle())
	traffic.expect("on")
}

func TestContextEndsTheWaitWheneverItEnds(t *testing.T) {
	queue := open(t)
	for n := range 3000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range n % 300 {
				ctx.Err()
			}
			cancel()
		}()
		if _, err := queue.Receive(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestWaitsThatEnd(t *testing.T) {
	for name, end := range map[string]struct {
		do    func(*nfbind.Queue) error
		errno syscall.Errno
	}{"close": {(*nfbind.Queue).Close, syscall.ESHUTDOWN}, "wake": {(*nfbind.Queue).Wake, syscall.ECANCELED}} {
		t.Run(name, func(t *testing.T) {
			queue := open(t)
			result := make(chan error)
			go func() {
				err := error(syscall.EBUSY)
				for errors.Is(err, syscall.EBUSY) {
					_, err = queue.Receive(context.Background())
				}
				result <- err
			}()
			// One of the two waits, and for the other one the session is busy.
			err := error(context.DeadlineExceeded)
			for errors.Is(err, context.DeadlineExceeded) {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				_, err = queue.Receive(ctx)
				cancel()
			}
			fails(t, err, syscall.EBUSY)
			must(t, end.do(queue))
			fails(t, <-result, end.errno)
			must(t, queue.Close())
		})
	}
	queue := open(t)
	must(t, queue.Wake())
	_, err := queue.Receive(t.Context())
	fails(t, err, syscall.ECANCELED)
}

// A thread for each waiting goroutine would show in /proc.
func TestWaitingParksNoThread(t *testing.T) {
	before := threads(t)
	var waiters sync.WaitGroup
	var queues []*nfbind.Queue
	for i := range 40 {
		queue, err := nfbind.Open(t.Context(), uint16(100+i))
		must(t, err)
		queues = append(queues, queue)
		waiters.Go(func() {
			_, err := queue.Receive(context.Background())
			if !errors.Is(err, syscall.ESHUTDOWN) {
				t.Error(err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	if after := threads(t); after > before+10 {
		t.Errorf("%d threads, %d before", after, before)
	}
	for _, queue := range queues {
		must(t, queue.Close())
	}
	waiters.Wait()
}

func threads(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/task")
	must(t, err)
	return len(names)
}

func TestKeptPacketsExpireWhileWaiting(t *testing.T) {
	traffic := newTraffic(t)
	queue := open(t, nfbind.WithAgeLimit(100), nfbind.WithDefaultVerdict(uint32(nfbind.VerdictAccept)))
	traffic.send("old")
	kept, err := receive(t, queue)[0].Keep()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go queue.Receive(ctx)
	traffic.expect("old")
	cancel()
	fails(t, kept.Accept(), syscall.EALREADY)
}

func TestManyPacketsOfAllSizes(t *testing.T) {
	traffic := newTraffic(t)
	queue := open(t, nfbind.WithBatch(200))
	for i := range 120 {
		traffic.send(strings.Repeat("x", i%1400+1))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 120 {
			if got := len(traffic.received(patience)); got != i%1400+1 {
				t.Errorf("packet %d has %d bytes", i, got)
				return
			}
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-done; cancel() }()
	for packet, err := range queue.Packets(ctx) {
		must(t, err)
		must(t, packet.Accept())
	}
	stats, err := queue.ReadStats(number)
	must(t, err)
	if stats.Decided != 120 || stats.Messages > 110 {
		t.Errorf("%+v", stats)
	}
}

func TestErrors(t *testing.T) {
	queue := open(t)
	_, err := nfbind.Open(t.Context(), number)
	fails(t, err, syscall.EBUSY)
	if !strings.Contains(err.Error(), "5") {
		t.Error(err)
	}
	fails(t, queue.Unbind(77), syscall.ENODEV)
	_, err = nfbind.Open(t.Context(), 6, nfbind.WithNetnsPath("/nowhere"))
	fails(t, err, syscall.ENOENT)
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	_, err = nfbind.Open(t.Context(), 6, nfbind.WithBatch(5000))
	fails(t, err, syscall.EINVAL)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = nfbind.Open(ended, 6); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAfterClose(t *testing.T) {
	queue := open(t)
	must(t, queue.Close())
	must(t, queue.Close())
	_, err := queue.Receive(t.Context())
	if !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	fails(t, queue.Bind(7), syscall.ESHUTDOWN)
	fails(t, queue.Settle(), syscall.ESHUTDOWN)
	fails(t, queue.Send(), syscall.ESHUTDOWN)
	_, err = queue.Feed(nil)
	fails(t, err, syscall.ESHUTDOWN)
	_, err = queue.Fd()
	fails(t, err, syscall.ESHUTDOWN)
	for range queue.Packets(t.Context()) {
		break
	}
	var zero nfbind.Queue
	_, err = zero.Receive(t.Context())
	fails(t, err, syscall.EBADF)
	fails(t, zero.Wake(), syscall.EBADF)
	must(t, zero.Close())
}

func TestVerdictsByTheQueue(t *testing.T) {
	traffic, queue := newTraffic(t), open(t)
	traffic.send("by the queue")
	packet := receive(t, queue)[0]
	must(t, queue.Verdict(packet, nfbind.VerdictAccept))
	fails(t, packet.Accept(), syscall.EALREADY)
	must(t, queue.Send())
	traffic.expect("by the queue")
}
