// SPDX-License-Identifier: MIT

package nfqueue

import (
	"errors"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

const (
	sendDelay = 100              // the most microseconds that a verdict waits for others
	tick      = time.Millisecond // when a hook that does not return is noticed
	idleTicks = 3                // before nobody looks for one any more
)

// A desk knows which packets wait for a verdict. Packets of the batch that the hook is being
// called for are judged where they are; those that are left without a verdict then are kept.
// Any goroutine may come to it.
type desk struct {
	queue  *nfbind.Queue
	logger Logger

	mu        sync.Mutex
	running   []*nfbind.Packet // of the batch; nil: decided
	first     uint32           // id of the first of them
	undecided int
	kept      map[uint32]*nfbind.Packet

	isInside  atomic.Bool // a batch of several is at the hook
	isWatched atomic.Bool // somebody looks for hooks that do not return
}

// begin takes a batch.
func (desk *desk) begin(packets []*nfbind.Packet) {
	desk.mu.Lock()
	desk.running, desk.undecided = append(desk.running[:0], packets...), len(packets)
	if len(packets) > 0 {
		desk.first, _ = packets[0].ID()
	}
	desk.mu.Unlock()
	if len(packets) > 1 {
		desk.isInside.Store(true)
		if desk.isWatched.CompareAndSwap(false, true) {
			go desk.watch()
		}
	}
}

// end keeps what the hook left without a verdict.
func (desk *desk) end() {
	desk.mu.Lock()
	defer desk.mu.Unlock()
	for i := 0; desk.undecided > 0 && i < len(desk.running); i++ {
		packet := desk.running[i]
		if packet == nil {
			continue
		}
		desk.undecided--
		kept, err := packet.Keep()
		if err != nil {
			if !errors.Is(err, syscall.ESHUTDOWN) {
				desk.logger.Errorf("nfqueue: a packet cannot wait for its verdict: %v", err)
			}
			continue
		}
		if desk.kept == nil {
			desk.kept = map[uint32]*nfbind.Packet{}
		}
		id, _ := packet.ID()
		desk.kept[id] = kept
	}
	desk.running, desk.undecided = desk.running[:0], 0
	// What was staged leaves before the next wait begins.
	desk.isInside.Store(false)
}

// forget lets go what nobody can decide on any more.
func (desk *desk) forget() {
	desk.mu.Lock()
	kept := desk.kept
	desk.kept = nil
	desk.mu.Unlock()
	for _, packet := range kept {
		packet.Free()
	}
}

// watch sends what waits while a hook does not return.
func (desk *desk) watch() {
	for idle := 0; idle < idleTicks; idle++ {
		time.Sleep(tick)
		if desk.isInside.Load() {
			idle = 0
			desk.send()
		}
	}
	desk.isWatched.Store(false)
	// A batch may have begun since the last look.
	if desk.isInside.Load() && desk.isWatched.CompareAndSwap(false, true) {
		go desk.watch()
	}
}

// send lets everything leave that was decided.
func (desk *desk) send() error {
	err := desk.queue.Send()
	if errors.Is(err, syscall.EAGAIN) {
		// It goes with what follows.
		return nil
	}
	return err
}

// slot is where a packet of the running batch is, or -1.
func (desk *desk) slot(id uint32) int {
	// Ids follow each other as long as every packet was delivered.
	if i := int(int32(id - desk.first)); i >= 0 && i < len(desk.running) && desk.isAt(i, id) {
		return i
	}
	for i := range desk.running {
		if desk.isAt(i, id) {
			return i
		}
	}
	return -1
}

func (desk *desk) isAt(i int, id uint32) bool {
	if desk.running[i] == nil {
		return false
	}
	own, _ := desk.running[i].ID()
	return own == id
}

func (desk *desk) decide(id uint32, verdict nfbind.Verdict, change *verdictOptions) error {
	desk.mu.Lock()
	if i := desk.slot(id); i >= 0 {
		defer desk.mu.Unlock()
		return desk.decideHere(i, verdict, change)
	}
	packet := desk.kept[id]
	delete(desk.kept, id)
	desk.mu.Unlock()
	if packet == nil {
		desk.logger.Errorf("nfqueue: verdict for packet %d: %v", id, syscall.ENOENT)
		return nil
	}
	return desk.decideKept(packet, id, verdict, change)
}

func (desk *desk) decideHere(i int, verdict nfbind.Verdict, change *verdictOptions) error {
	packet := desk.running[i]
	err := change.apply(packet, desk.logger)
	if err == nil {
		err = packet.Verdict(verdict)
	}
	if err == nil {
		desk.running[i] = nil
		desk.undecided--
	}
	return err
}

func (desk *desk) decideKept(packet *nfbind.Packet, id uint32, verdict nfbind.Verdict, change *verdictOptions) error {
	err := change.apply(packet, desk.logger)
	if err == nil {
		err = packet.Verdict(verdict)
	}
	if err == nil {
		packet.Free()
		return nil
	}
	desk.mu.Lock()
	defer desk.mu.Unlock()
	if desk.kept == nil {
		packet.Free()
	} else {
		desk.kept[id] = packet
	}
	return err
}

// decideUpTo leaves out what a verdict was given for, as the kernel does.
func (desk *desk) decideUpTo(id uint32, verdict nfbind.Verdict) error {
	desk.mu.Lock()
	kept := desk.takeKept(id)
	count, err := len(kept), desk.decideTaken(kept, verdict)
	for i := 0; err == nil && i < len(desk.running); i++ {
		if packet := desk.running[i]; packet != nil {
			if own, _ := packet.ID(); int32(own-id) > 0 {
				break
			}
			err = desk.decideHere(i, verdict, nil)
			count++
		}
	}
	desk.mu.Unlock()
	if count == 0 {
		desk.logger.Errorf("nfqueue: verdict for all packets up to %d: %v", id, syscall.ENOENT)
	}
	return err
}

func (desk *desk) takeKept(id uint32) []*nfbind.Packet {
	var ids []uint32
	for own := range desk.kept {
		if int32(own-id) <= 0 {
			ids = append(ids, own)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return int32(ids[i]-ids[j]) < 0 })
	packets := make([]*nfbind.Packet, len(ids))
	for i, own := range ids {
		packets[i] = desk.kept[own]
		delete(desk.kept, own)
	}
	return packets
}

// decideTaken gives many kept packets their verdict in one call.
func (desk *desk) decideTaken(packets []*nfbind.Packet, verdict nfbind.Verdict) error {
	if len(packets) == 0 {
		return nil
	}
	decisions := make([]nfbind.Decision, len(packets))
	for i, packet := range packets {
		queue, _ := packet.Queue()
		id, _ := packet.ID()
		decisions[i] = nfbind.Decision{Queue: uint32(queue), ID: id, Index: ^uint32(0), Verdict: uint32(verdict)}
	}
	_, err := desk.queue.VerdictMany(decisions, nil)
	if errors.Is(err, syscall.EAGAIN) {
		err = nil // all were staged
	}
	for i, packet := range packets {
		if err == nil && decisions[i].Result < 0 {
			desk.logger.Errorf("nfqueue: verdict for packet %d: %v", decisions[i].ID, syscall.Errno(-decisions[i].Result))
		}
		packet.Free()
	}
	return err
}
