// SPDX-License-Identifier: MIT

package nfbind_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

// Fixtures lie beside the tree; a fetched module has none.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../tests/fixtures", name))
	if err != nil {
		t.Skip("no recordings here")
	}
	return append(data, make([]byte, -len(data)&3)...)
}

func TestFields(t *testing.T) {
	ct, err := nfbind.NewCt()
	must(t, err)
	if _, ok := ct.Mark(); ok {
		t.Error("a new connection has a mark")
	}
	must(t, ct.SetMark(math.MaxUint32))
	if mark, ok := ct.Mark(); mark != math.MaxUint32 || !ok {
		t.Error(mark, ok)
	}
	must(t, ct.SetMark(0))
	if mark, ok := ct.Mark(); mark != 0 || !ok {
		t.Error("0 is not absent")
	}
	must(t, ct.Clear(nfbind.CtFieldMark))
	if has, err := ct.Has(nfbind.CtFieldMark); has || err != nil {
		t.Error(has, err)
	}
	for _, text := range []string{"192.0.2.1", "2001:db8::1"} {
		address := netip.MustParseAddr(text)
		must(t, ct.SetOrigSrc(address))
		if got, ok := ct.OrigSrc(); got != address || !ok {
			t.Error(got)
		}
	}
	fails(t, ct.SetOrigSrc(netip.Addr{}), syscall.EINVAL)
	fails(t, ct.SetNumber(nfbind.CtFieldOrigPortSrc, 65536), syscall.ERANGE)
	fails(t, ct.SetNumber(nfbind.CtField(60000), 1), syscall.ERANGE)
	fails(t, ct.SetBytes(nfbind.CtFieldMark, []byte("four")), syscall.EINVAL)
	_, _, err = ct.GetNumber(nfbind.CtFieldOrigSrc)
	fails(t, err, syscall.EINVAL)
	number, err := nfbind.CtFields().Find("orig-ipv4-src")
	if err != nil || nfbind.CtField(number) != nfbind.CtFieldOrigSrc {
		t.Error(number, err)
	}
	name, err := nfbind.CtFields().Name(uint32(nfbind.CtFieldOrigPortDst))
	if name != "orig-port-dst" || err != nil {
		t.Error(name, err)
	}
}

func TestObjectsOfObjects(t *testing.T) {
	one, err := nfbind.NewCt()
	must(t, err)
	other, err := nfbind.NewCt()
	must(t, err)
	must(t, one.SetMark(5))
	must(t, other.Assign(one))
	if equal, err := one.Equal(other); !equal || err != nil {
		t.Error(equal, err)
	}
	if equal, err := one.Equal(one); !equal || err != nil {
		t.Error("not equal to itself", err)
	}
	fails(t, one.Assign(nil), syscall.EINVAL)
	other.Free()
	fails(t, one.Assign(other), syscall.EBADF)
	fails(t, other.Assign(one), syscall.EBADF)
	fails(t, other.SetMark(1), syscall.EBADF)
	if _, ok := other.Mark(); ok {
		t.Error("a freed connection has a mark")
	}
	other.Free()
	if !errors.Is(other.SetMark(1), os.ErrClosed) {
		t.Error("a late use is no os.ErrClosed")
	}
}

func TestTextsOfAllLengths(t *testing.T) {
	exp, err := nfbind.NewExp()
	must(t, err)
	fails(t, exp.SetHelperName(strings.Repeat("x", 5000)), syscall.ERANGE)
	must(t, exp.SetHelperName("ftp"))
	if name, ok := exp.HelperName(); name != "ftp" || !ok {
		t.Error(name)
	}
	_, err = nfbind.CtFields().Find("a\x00b")
	fails(t, err, syscall.EINVAL)
	packet, err := nfbind.NewPacket(fullPacket(1400))
	must(t, err)
	text, err := packet.Print(nfbind.PacketFormatFields)
	must(t, err)
	if len(text) < 2800 || !strings.HasSuffix(strings.TrimSpace(text), strings.Repeat("78", 20)) {
		t.Error("a long text is cut:", len(text))
	}
}

// fullPacket is a UDP packet whose checksums are 0.
func fullPacket(size int) []byte {
	head := []byte{0x45, 0, byte((size + 28) >> 8), byte(size + 28), 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
		0x10, 0, 0x20, 0, byte((size + 8) >> 8), byte(size + 8), 0, 0}
	return append(head, strings.Repeat("x", size)...)
}

func TestPacketsOfOnesOwn(t *testing.T) {
	_, err := nfbind.NewPacket([]byte("no packet"))
	fails(t, err, syscall.EINVAL)
	_, err = nfbind.NewPacket(nil)
	fails(t, err, syscall.EINVAL)
	packet, err := nfbind.NewPacket(fullPacket(4))
	must(t, err)
	if port, ok := packet.PortDst(); port != 0x2000 || !ok {
		t.Error(port)
	}
	must(t, packet.Splice(1, 2, []byte("longer")))
	if data, _ := packet.L4Payload(); string(data) != "xlongerx" {
		t.Errorf("%q", data)
	}
	fails(t, packet.Accept(), syscall.EINVAL)
	_, err = packet.BuildReply(nfbind.TCPFlagRst, nil)
	fails(t, err, syscall.EINVAL)
	answer, err := packet.BuildUnreachable(3)
	must(t, err)
	if kind, _ := answer.ICMPType(); kind != 3 {
		t.Error(kind)
	}
}

func TestParsedBatches(t *testing.T) {
	batch, err := nfbind.BatchParse(append(fixture(t, "packet-mark.bin"), fixture(t, "packet-udp-new.bin")...))
	must(t, err)
	count := 0
	for packet := range batch.Packets() {
		count++
		if _, ok := packet.Payload(); !ok {
			t.Error("no payload")
		}
		fails(t, packet.Accept(), syscall.EINVAL)
		if ct, err := packet.Ct(); err != nil || ct == nil {
			t.Log("no connection", err)
		}
	}
	if count != 2 {
		t.Error(count)
	}
	_, err = nfbind.BatchParse([]byte("nonsense, nonsense"))
	fails(t, err, syscall.EBADMSG)
}

// The fast way to a field and the library's own have to say the same.
func TestSummariesTellWhatFieldsTell(t *testing.T) {
	names, err := filepath.Glob("../../tests/fixtures/packet-*.bin")
	must(t, err)
	for _, name := range names {
		batch, err := nfbind.BatchParse(fixture(t, filepath.Base(name)))
		must(t, err)
		for packet := range batch.Packets() {
			before := looks(packet)
			packet.Clear(nfbind.PacketFieldMark) // From here on the library is asked.
			if after := looks(packet); before != after {
				t.Errorf("%s:\n%s\n%s", name, before, after)
			}
		}
	}
	if len(names) == 0 {
		t.Skip("no recordings here")
	}
}

func TestManyGoroutinesOnOneObject(t *testing.T) {
	ct, err := nfbind.NewCt()
	must(t, err)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 500 {
				ct.SetMark(uint32(n))
				ct.Mark()
				_ = ct.String()
				if i == 0 && n == 400 {
					ct.Free()
				}
			}
		})
	}
	group.Wait()
	fails(t, ct.SetMark(1), syscall.EBADF)
}

func TestForgottenObjectsAreFreed(t *testing.T) {
	for range 2000 {
		ct, err := nfbind.NewCt()
		must(t, err)
		must(t, ct.SetMark(1))
		batch, err := nfbind.BatchParse(fixture(t, "packet-mark.bin"))
		must(t, err)
		for packet := range batch.Packets() {
			packet.Payload()
		}
	}
	runtime.GC()
	runtime.GC()
}

func TestModule(t *testing.T) {
	if version, ok := nfbind.Version(), true; version == "" || !ok {
		t.Error("no version")
	}
	if name := nfbind.ErrorName(-int32(syscall.EPERM)); name != "EPERM" {
		t.Error(name)
	}
	features, text, err := nfbind.Probe()
	if err != nil || features&nfbind.FeatureQueue == 0 {
		t.Error(features, text, err)
	}
	if number := nfbind.VerdictToQueue(7, 1); number>>16 != 7 {
		t.Error(number)
	}
}

func looks(packet *nfbind.Packet) string {
	var text strings.Builder
	say := func(value any, ok bool) { fmt.Fprint(&text, value, " ", ok, "\n") }
	say(packet.ID())
	say(packet.Queue())
	say(packet.Family())
	say(packet.Hook())
	say(packet.HwProtocol())
	say(packet.Mark())
	say(packet.Priority())
	say(packet.Timestamp())
	say(packet.Indev())
	say(packet.Outdev())
	say(packet.Physindev())
	say(packet.Physoutdev())
	say(packet.CapLen())
	say(packet.SkbInfo())
	say(packet.CtInfo())
	say(packet.UID())
	say(packet.GID())
	say(packet.CgroupClassid())
	say(packet.VlanProto())
	say(packet.VlanTci())
	say(packet.IPVersion())
	say(packet.IPSrc())
	say(packet.IPDst())
	say(packet.IPProtocol())
	say(packet.IPTTL())
	say(packet.PortSrc())
	say(packet.PortDst())
	say(packet.TCPSeq())
	say(packet.TCPAck())
	say(packet.TCPFlags())
	say(packet.ICMPType())
	say(packet.ICMPCode())
	for _, look := range []func() ([]byte, bool){packet.Payload, packet.L4Payload, packet.L2hdr, packet.Hwaddr} {
		data, ok := look()
		fmt.Fprintf(&text, "%x %v\n", data, ok)
	}
	say(packet.Secctx())
	return text.String()
}
