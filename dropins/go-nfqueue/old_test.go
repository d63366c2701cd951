// SPDX-License-Identifier: MIT

package nfqueue_test

import (
	"bytes"
	stdlog "log"
	"os"
	"strings"
	"testing"
	"time"

	nfqueue "github.com/nfbind/nfbind/dropins/go-nfqueue"
	old "github.com/nfbind/nfbind/dropins/go-nfqueue/old"
)

func oldOpen(t *testing.T, change func(*old.Config)) *old.Nfqueue {
	t.Helper()
	config := &old.Config{NfQueue: number, MaxPacketLen: 0xffff, MaxQueueLen: 0xff, Copymode: old.NfQnlCopyPacket}
	if change != nil {
		change(config)
	}
	queue, err := old.Open(config)
	must(t, err)
	t.Cleanup(func() { queue.Close() })
	return queue
}

func TestOldKeys(t *testing.T) {
	for i, key := range []int{old.AttrPacketID, old.AttrHook, old.AttrHwProtocol, old.AttrIfIndexInDev, old.AttrIfIndexOutDev,
		old.AttrIfIndexPhysInDev, old.AttrIfIndexPhysOutDev, old.AttrPayload, old.AttrCapLen, old.AttrTimestamp, old.AttrHwAddr,
		old.AttrMark, old.AttrUID, old.AttrGID, old.AttrL2HDR, old.AttrCt, old.AttrCtInfo, old.AttrSkbInfo, old.AttrExp,
		old.AttrSecCtx, old.AttrVlanProto, old.AttrVlanTCI} {
		if key != i {
			t.Error(key, i)
		}
	}
	if old.NfQaCfgFlagUidGid != 8 || old.NfQaCfgFlagSecCx != 16 || old.NfRepeat != 4 {
		t.Error("constants")
	}
}

func TestOldMessages(t *testing.T) {
	traffic := newTraffic(t)
	queue := oldOpen(t, func(config *old.Config) {
		config.Flags, config.FlagsMask = old.NfQaCfgFlagUidGid|old.NfQaCfgFlagSecCx, old.NfQaCfgFlagUidGid
	})
	messages := make(chan old.Msg)
	must(t, queue.Register(t.Context(), func(m old.Msg) int {
		messages <- m
		queue.SetVerdict(m[old.AttrPacketID].(uint32), old.NfAccept)
		return 0
	}))
	traffic.send("as a map")
	m := <-messages
	traffic.expect("as a map")
	if string(m[old.AttrPayload].([]byte)[28:]) != "as a map" || m[old.AttrHook].(uint8) != 3 ||
		m[old.AttrHwProtocol].(uint16) != 0x800 || m[old.AttrIfIndexOutDev].(uint32) == 0 {
		t.Error(m)
	}
	if _, ok := m[old.AttrUID].(uint32); !ok {
		t.Error("no owner")
	}
	for _, key := range []int{old.AttrMark, old.AttrIfIndexInDev, old.AttrCt, old.AttrVlanTCI, old.AttrCapLen, old.AttrSecCtx} {
		if value, ok := m[key]; ok {
			t.Error(key, value)
		}
	}
}

func TestOldVerdicts(t *testing.T) {
	traffic, queue := newTraffic(t), oldOpen(t, nil)
	must(t, queue.Register(t.Context(), func(m old.Msg) int {
		id, text := m[old.AttrPacketID].(uint32), string(m[old.AttrPayload].([]byte)[28:])
		switch text {
		case "repeat":
			queue.SetVerdictWithMark(id, old.NfRepeat, repeats)
		case "drop":
			queue.SetVerdict(id, old.NfDrop)
		case "wait":
		default:
			queue.SetVerdictBatch(id, old.NfAccept)
		}
		return 0
	}))
	traffic.send("drop", "repeat", "wait", "batch")
	traffic.expect("repeat", "wait", "batch")
}

func TestOldMisuse(t *testing.T) {
	if _, err := old.Open(nil); err == nil {
		t.Error("opened without a configuration")
	}
	_, err := old.Open(&old.Config{Flags: 1 << 7, FlagsMask: 1 << 7})
	fails(t, err, old.ErrInvFlag)
	var lines bytes.Buffer
	queue := oldOpen(t, func(config *old.Config) { config.Logger = stdlog.New(&lines, "", 0) })
	if queue.Register(t.Context(), nil) == nil {
		t.Error("no hook")
	}
	must(t, queue.SetVerdict(4711, old.NfAccept))
	if !strings.Contains(lines.String(), "4711") {
		t.Error(lines.String())
	}
	fails(t, queue.SetVerdict(1, 99), nfqueue.ErrInvalidVerdict)
	must(t, queue.Close())
	fails(t, queue.Close(), os.ErrClosed)
	fails(t, queue.SetVerdictWithMark(1, old.NfAccept, 1), os.ErrClosed)
	fails(t, queue.SetVerdictBatch(1, old.NfAccept), os.ErrClosed)
	for _, never := range []*old.Nfqueue{nil, {}} {
		if never.Close() == nil || never.SetVerdict(1, 1) == nil ||
			never.Register(t.Context(), func(old.Msg) int { return 0 }) == nil {
			t.Error("what was never opened did something")
		}
	}
	_ = old.Config{AfFamily: 2, ReadTimeout: time.Second, WriteTimeout: time.Second, NetNS: 0}
}
