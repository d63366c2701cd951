// SPDX-License-Identifier: MIT

// The scenario in Go; run.py says what it is.
package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

const (
	queueNumber = 5
	tcp, udp    = 6, 17
)

func address(text string) netip.Addr {
	return netip.MustParseAddr(text)
}

func connection() *nfbind.Ct {
	ct := must(nfbind.NewCt())
	expectNone(errors.Join(
		ct.SetOrigSrc(address("10.0.0.1")),
		ct.SetOrigDst(address("10.0.0.2")),
		ct.SetOrigL4proto(tcp),
		ct.SetOrigPortSrc(1000),
		ct.SetOrigPortDst(21),
		ct.SetTCPState(3),
		ct.SetTimeout(100),
		ct.SetMark(1),
	))
	return ct
}

func probe() {
	features, _, err := nfbind.Probe()
	expectNone(err)
	for _, feature := range []struct {
		name string
		bit  nfbind.Feature
	}{
		{"QUEUE", nfbind.FeatureQueue},
		{"QUEUE_FAIL_OPEN", nfbind.FeatureQueueFailOpen},
		{"QUEUE_GSO", nfbind.FeatureQueueGSO},
		{"CONNTRACK", nfbind.FeatureConntrack},
		{"EXPECT", nfbind.FeatureExpect},
	} {
		answer := "no"
		if features&feature.bit != 0 {
			answer = "yes"
		}
		say("probe:", feature.name, answer)
	}
}

func judge(packet *nfbind.Packet) {
	payload, _ := packet.L4Payload()
	from, _ := packet.IPSrc()
	to, _ := packet.IPDst()
	portFrom, _ := packet.PortSrc()
	portTo, _ := packet.PortDst()
	say("packet:", from, portFrom, to, portTo, string(payload))
	switch string(payload) {
	case "change":
		expectNone(packet.SetL4Payload([]byte("changed at length")))
	case "mark":
		expectNone(packet.SetMark(7))
	}
	if string(payload) == "stop" {
		expectNone(packet.Drop())
	} else {
		expectNone(packet.Accept())
	}
	refused("decided twice", packet.Drop())
}

func packets() {
	queue := must(nfbind.Open(ctx, queueNumber, nfbind.WithFailOpen(true), nfbind.WithGSO(false)))
	defer queue.Close()
	say("> send pass stop change mark")
	seen := 0
	for packet, err := range queue.Packets(ctx) {
		expectNone(err)
		judge(packet)
		if seen++; seen == 4 {
			break
		}
	}
	expectNone(queue.Settle())
	say("> receive")

	say("> send later")
	for packet := range must(queue.Receive(ctx)).Packets() {
		kept := must(packet.Keep())
		expectNone(queue.Settle())
		refused("decided after its batch", packet.Accept())
		refused("decided when kept", kept.Accept())
	}
	say("> receive")

	stats := must(queue.ReadStats(queueNumber))
	say("queue:", "received", stats.Received, "decided", stats.Decided, "defaulted", stats.Defaulted)
	expectNone(queue.Close())
	_, err := queue.Receive(ctx)
	refused("received after close", err)
}

func describe(ct *nfbind.Ct) string {
	from, _ := ct.OrigSrc()
	to, _ := ct.OrigDst()
	portFrom, _ := ct.OrigPortSrc()
	portTo, _ := ct.OrigPortDst()
	protocol, _ := ct.OrigL4proto()
	mark, _ := ct.Mark()
	return fmt.Sprintf("%s:%d > %s:%d protocol %d mark %d", from, portFrom, to, portTo, protocol, mark)
}

func connections(conntrack *nfbind.Conntrack) {
	ct, nameless, filter := connection(), must(nfbind.NewCt()), must(nfbind.NewFilter())
	refused("add", conntrack.AddCt(ct, 0))
	refused("add again", conntrack.AddCt(ct, 0))
	expectNone(ct.SetMark(2))
	refused("change", conntrack.ChangeCt(ct))
	say("fetch:", describe(must(conntrack.FetchCt(ct, 0))))
	for mark := range uint32(2) {
		expectNone(filter.SetMark(mark + 1))
		for found, err := range conntrack.Connections(filter) {
			expectNone(err)
			say("list: mark", mark+1, describe(found))
		}
	}
	refused("remove", conntrack.RemoveCt(ct))
	refused("remove again", conntrack.RemoveCt(ct))
	expectNone(nameless.SetMark(2))
	refused("remove all by mistake", conntrack.RemoveCt(nameless))
	if must(conntrack.FetchCt(ct, 0)) == nil {
		say("fetch: nothing")
	}
}

func openEvents() *nfbind.Events {
	filter, events := must(nfbind.NewFilter()), must(nfbind.NewEvents())
	expectNone(filter.SetL4proto(tcp))
	expectNone(events.AddFilter(filter))
	expectNone(events.Open(nfbind.WithEvents(uint32(nfbind.EventKindCtNew | nfbind.EventKindCtUpdate | nfbind.EventKindCtDestroy))))
	return events
}

// watch shows what connections did: a connection of TCP only, by the filter.
func watch(events *nfbind.Events) {
	names := map[nfbind.EventKind]string{nfbind.EventKindCtNew: "CT_NEW", nfbind.EventKindCtUpdate: "CT_UPDATE",
		nfbind.EventKindCtDestroy: "CT_DESTROY"}
	for one, err := range events.Pending() {
		expectNone(err)
		say("event:", names[nfbind.EventKind(one.Kind)], describe(one.Ct))
	}
}

func apply(conntrack *nfbind.Conntrack, bulk *nfbind.Bulk) {
	done := must(conntrack.Apply(bulk))
	say("bulk:", must(bulk.Count()), "operations,", done, "done")
}

func many(conntrack *nfbind.Conntrack) {
	bulk, ct := must(nfbind.NewBulk()), connection()
	expectNone(errors.Join(ct.SetOrigL4proto(udp), ct.Clear(nfbind.CtFieldTCPState)))
	for port := range uint16(100) {
		expectNone(ct.SetOrigPortSrc(2000 + port))
		must(bulk.AddCt(ct, 0))
	}
	apply(conntrack, bulk)
	expectNone(bulk.Clear())
	for port := range uint16(101) {
		expectNone(ct.SetOrigPortSrc(2000 + port))
		must(bulk.RemoveCt(ct))
	}
	apply(conntrack, bulk)
	for index, ok, err := bulk.FindFailure(0); ok; index, ok, err = bulk.FindFailure(index + 1) {
		expectNone(err)
		say("bulk:", index, nfbind.ErrorName(must(bulk.Result(index))), must(bulk.Message(index)))
	}
}

func expectation(conntrack *nfbind.Conntrack) {
	ct := connection()
	expectNone(ct.SetHelperName("ftp"))
	err := conntrack.AddCt(ct, 0)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		say("expectation: this kernel has no helper for ftp")
		return
	}
	expectNone(err)
	exp := must(nfbind.NewExp())
	expectNone(exp.Expect(must(conntrack.FetchCt(ct, 0)), 1, 0, address("10.0.0.2").AsSlice(), 5555))
	expectNone(exp.SetTimeout(60))
	refused("expect", conntrack.AddExp(exp, 0))
	showExpectations(conntrack)
	refused("unexpect", conntrack.RemoveExp(exp))
	refused("unexpect again", conntrack.RemoveExp(exp))
	refused("remove", conntrack.RemoveCt(ct))
}

func texts() {
	ct, other := connection(), must(nfbind.NewCt())
	for _, format := range []nfbind.Format{nfbind.FormatFields, nfbind.FormatSave, nfbind.FormatJson} {
		say("text:", must(ct.Print(format, 0, nil)))
	}
	expectNone(other.Parse(nfbind.FormatJson, nil, must(ct.Print(nfbind.FormatJson, 0, nil))))
	if must(ct.Equal(other)) {
		say("text:", "the same")
	} else {
		say("text:", "another")
	}
	refused("number too big", ct.SetNumber(nfbind.CtFieldZone, 65536))
}

func main() {
	probe()
	packets()
	conntrack := must(nfbind.OpenConntrack(ctx))
	defer conntrack.Close()
	events := openEvents()
	connections(conntrack)
	watch(events)
	events.Close()
	many(conntrack)
	expectation(conntrack)
	texts()
}
