// SPDX-License-Identifier: MIT

// A helper in Go, in a few steps; tests/vm/helper_scenario.sh says what they are.
package main

import (
	"errors"
	"fmt"

	nfbind "github.com/nfbind/nfbind/bindings/go"
)

const (
	udp, ipv4   = 17, 2
	queueNumber = 21
	announced   = 5010
)

func record() *nfbind.Cthelper {
	made := must(nfbind.NewCthelper())
	expectNone(errors.Join(
		made.SetName("scenario"),
		made.SetL3proto(ipv4),
		made.SetL4proto(udp),
		made.SetQueue(queueNumber),
		made.SetPrivDataLen(8),
		made.SetPolicy1Name("calls"),
		made.SetPolicy1Max(4),
		made.SetPolicy1Timeout(120),
	))
	return made
}

func showRecord(conntrack *nfbind.Conntrack) {
	if found := must(conntrack.FetchCthelper(record())); found != nil {
		say("record:", must(found.Print()))
	} else {
		say("record: ENOENT")
	}
}

func answer(is bool, err error) string {
	if must(is, err) {
		return "yes"
	}
	return "no"
}

func showPacket(packet *nfbind.Packet) *nfbind.Ct {
	ct := must(packet.Ct())
	payload, _ := packet.L4Payload()
	port, _ := ct.OrigPortDst()
	name, _ := ct.HelperName()
	info, _ := ct.HelperInfo()
	say("packet:", string(payload), "port", port, "helper", name, "info", fmt.Sprintf("%x", info[:8]),
		"reply", answer(packet.IsReply()), "established", answer(packet.IsEstablished()))
	return ct
}

// remember has the connection keep for us what was said.
func remember(packet *nfbind.Packet) {
	showPacket(packet)
	change := must(nfbind.NewCt())
	expectNone(change.SetHelperInfo([]byte("hello")))
	refused("info", packet.SetCt(change))
	refused("accept", packet.Accept())
}

// announce expects the connection to where who speaks says that it can be reached.
func announce(packet *nfbind.Packet) {
	exp := must(nfbind.NewExp())
	expectNone(exp.Expect(showPacket(packet), 0, 0, []byte{10, 1, 0, 2}, announced))
	refused("expect", packet.SetExp(exp))
	refused("accept", packet.Accept())
	refused("decided twice", packet.Accept())
}

// takeLeave shows that without a rule its connections stay helped.
func takeLeave(packet *nfbind.Packet) {
	showPacket(packet)
	refused("accept", packet.Accept())
}

func handle(queue *nfbind.Queue, what func(*nfbind.Packet)) {
	for packet := range must(queue.Receive(ctx)).Packets() {
		what(packet)
	}
	expectNone(queue.Settle())
}

func main() {
	conntrack, helper := must(nfbind.OpenConntrack(ctx)), must(nfbind.NewHelper())
	expectNone(helper.Open(record()))
	refused("open again", helper.Open(record()))
	refused("add beside it", conntrack.AddCthelper(record()))
	showRecord(conntrack)
	queue := must(helper.Queue())
	say("> rule")
	say("> send hello")
	handle(queue, remember)
	say("> send announce")
	handle(queue, announce)
	showExpectations(conntrack)
	say("> no rule")
	say("> send bye")
	handle(queue, takeLeave)
	say("> receive")
	refused("close", helper.Close())
	showRecord(conntrack)
	showExpectations(conntrack)
}
