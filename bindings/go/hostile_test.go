// SPDX-License-Identifier: MIT

package nfbind_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// Calls that nobody would write: every method of every object, with any argument, in any order
// and from several goroutines. Each ends with a result or an error; a panic or a crash is the
// failure. NFBIND_SEED and NFBIND_CALLS repeat one.
func TestHostileCalls(t *testing.T) {
	seed, calls := number64("NFBIND_SEED", 1), number64("NFBIND_CALLS", 10000)
	pool := &pool{datagrams: recordings(t)}
	for range 50 {
		pool.things = append(pool.things, reflect.ValueOf(pool.make(rand.New(rand.NewPCG(seed, 0)))))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var players sync.WaitGroup
	for n := range uint64(4) {
		players.Go(func() {
			player := &player{pool, rand.New(rand.NewPCG(seed, n+1)), ctx, ""}
			defer func() {
				if reason := recover(); reason != nil {
					t.Errorf("seed %d: panic in %s: %v", seed, player.what, reason)
				}
			}()
			for range calls {
				player.step()
			}
		})
	}
	players.Wait()
	runtime.GC()
}

func number64(name string, otherwise uint64) uint64 {
	if number, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return number
	}
	return otherwise
}

func recordings(t *testing.T) (all [][]byte) {
	names, _ := filepath.Glob("../../tests/fixtures/packet-*.bin")
	for _, name := range names {
		all = append(all, fixture(t, filepath.Base(name)))
	}
	if len(all) == 0 {
		t.Skip("no recordings here")
	}
	return all
}

type pool struct {
	mu        sync.Mutex
	things    []reflect.Value
	datagrams [][]byte
}

func (pool *pool) make(random *rand.Rand) any {
	one := pool.datagrams[random.IntN(len(pool.datagrams))]
	batch, err := nfbind.BatchParse(one)
	if err != nil {
		panic(err)
	}
	var things []any
	for packet := range batch.Packets() {
		payload, _ := packet.Payload()
		own, _ := nfbind.NewPacket(payload)
		things = append(things, packet, own)
	}
	ct, _ := nfbind.NewCt()
	exp, _ := nfbind.NewExp()
	filter, _ := nfbind.NewFilter()
	options, _ := nfbind.NewOptions()
	queue, _ := nfbind.NewQueue()
	opened, _ := nfbind.NewQueue()
	opened.Open()
	events, _ := nfbind.OpenEvents(context.Background())
	helper, _ := nfbind.NewCthelper()
	tracker, _ := nfbind.NewTracker(uint32(random.IntN(4)))
	bulk, _ := nfbind.NewBulk()
	labels, _ := nfbind.NewLabels()
	conntrack, _ := nfbind.OpenConntrack(context.Background())
	injector, _ := nfbind.NewInjector()
	things = append(things, batch, ct, exp, filter, options, queue, opened, events, helper, tracker, bulk, labels,
		conntrack, injector, nfbind.CtFields(), &nfbind.Ct{}, &nfbind.Queue{}, &nfbind.Packet{}, &nfbind.Batch{})
	return things[random.IntN(len(things))]
}

type player struct {
	*pool
	*rand.Rand
	ctx  context.Context
	what string
}

func (player *player) pick(kind reflect.Type) (reflect.Value, bool) {
	player.mu.Lock()
	defer player.mu.Unlock()
	for range 60 {
		thing := player.things[player.IntN(len(player.things))]
		if kind == nil || thing.Type() == kind {
			return thing, true
		}
	}
	return reflect.Value{}, false
}

func (player *player) keep(value reflect.Value) {
	if value.Kind() == reflect.Pointer && !value.IsNil() && value.NumMethod() > 0 {
		player.mu.Lock()
		player.things[player.IntN(len(player.things))] = value
		player.mu.Unlock()
	}
}

var numbers = []uint64{0, 1, 2, 5, 16, 20, 45, 50, 56, 255, 65536, 1 << 31, 1<<32 - 1, 1 << 63, 1<<64 - 1}
var sizes = []int{0, 1, 4, 16, 28, 1500, 65531, 70000}

func (player *player) argument(kind reflect.Type) reflect.Value {
	value := reflect.New(kind).Elem()
	switch {
	case kind == reflect.TypeFor[context.Context]():
		ctx, cancel := context.WithTimeout(player.ctx, time.Millisecond)
		context.AfterFunc(ctx, cancel)
		return reflect.ValueOf(ctx)
	case kind == reflect.TypeFor[nfbind.Option]():
		return reflect.ValueOf([]nfbind.Option{nil, nfbind.WithBatch(9), nfbind.WithCopyRange(1 << 31), nfbind.WithMark(4)}[player.IntN(4)])
	case kind == reflect.TypeFor[netip.Addr]():
		value.Set(reflect.ValueOf([]netip.Addr{{}, netip.IPv6Unspecified(), netip.IPv4Unspecified()}[player.IntN(3)]))
	case kind == reflect.TypeFor[[]byte]():
		if player.IntN(8) > 0 {
			value.SetBytes(make([]byte, sizes[player.IntN(len(sizes))]))
		}
		if player.IntN(3) == 0 {
			value.SetBytes(player.datagrams[player.IntN(len(player.datagrams))])
		}
	case kind.Kind() == reflect.Slice:
		value.Set(reflect.MakeSlice(kind, player.IntN(4), 4))
	case kind.Kind() == reflect.String:
		value.SetString([]string{"", "mark", "a\x00b", "/nowhere", "tcp", "-s 192.0.2.1"}[player.IntN(6)])
	case kind.Kind() == reflect.Bool:
		value.SetBool(player.IntN(2) == 0)
	case kind.Kind() == reflect.Pointer:
		if thing, ok := player.pick(kind); ok && player.IntN(10) > 0 {
			return thing
		}
	case value.CanUint():
		value.SetUint(numbers[player.IntN(len(numbers))])
	case value.CanInt():
		value.SetInt(int64(numbers[player.IntN(len(numbers))]))
	}
	return value
}

// What would change the machine, or take another process's descriptor.
var leftOut = map[string]bool{"Open": true, "Bind": true, "Read": true, "FlushCt": true, "FlushExp": true}

func (player *player) step() {
	if player.IntN(20) == 0 {
		player.keep(reflect.ValueOf(player.make(player.Rand)))
	}
	thing, _ := player.pick(nil)
	index := player.IntN(thing.NumMethod())
	name := thing.Type().Method(index).Name
	if leftOut[name] || (name == "Free" || name == "Close") && player.IntN(4) > 0 {
		return
	}
	player.what = fmt.Sprint(thing.Type(), ".", name)
	method := thing.Method(index)
	kind := method.Type()
	var arguments []reflect.Value
	for i := range kind.NumIn() {
		if kind.IsVariadic() && i == kind.NumIn()-1 {
			arguments = append(arguments, player.argument(kind.In(i).Elem()))
		} else {
			arguments = append(arguments, player.argument(kind.In(i)))
		}
	}
	for _, result := range method.Call(arguments) {
		if result.Kind() == reflect.Func {
			player.drain(result)
		}
		player.keep(result)
	}
}

// drain looks at the first few of an iterator.
func (player *player) drain(iterator reflect.Value) {
	left := 5
	if iterator.Type().In(0).NumIn() == 1 {
		for value := range iterator.Seq() {
			player.keep(value)
		}
		return
	}
	for value := range iterator.Seq2() {
		player.keep(value)
		if left--; left == 0 {
			return
		}
	}
}
