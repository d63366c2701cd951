# SPDX-License-Identifier: MIT
"""
The module as a stranger gets it: fetched by `go get` from a proxy, which is a folder made
here. Programs as the documents of go-nfqueue show them, today's and the older one, build
with no more than the import path changed, beside the other package that they import; one
that uses what is left out does not, and the compiler says what it is.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BINDING = os.path.join(HERE, "..", "..", "bindings", "go")
sys.dont_write_bytecode = True
sys.path.insert(0, BINDING)

from test_module import VERSION, add_to_proxy, environment, module_of

# What programs import besides: its constants have a type of its own.
NETLINK = """// SPDX-License-Identifier: MIT

package netlink

type ConnOption int

const (
	PacketInfo ConnOption = iota
	BroadcastError
	NoENOBUFS
)

type OpError struct{ Err error }

func (e *OpError) Error() string   { return e.Err.Error() }
func (e *OpError) Temporary() bool { return false }
func (e *OpError) Timeout() bool   { return false }
"""
TODAY = """package main

import (
	"context"
	"fmt"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
)

func main() {
	config := nfqueue.Config{
		NfQueue:      100,
		MaxPacketLen: 0xFFFF,
		MaxQueueLen:  0xFF,
		Copymode:     nfqueue.NfQnlCopyPacket,
		WriteTimeout: 15 * time.Millisecond,
	}
	nf, err := nfqueue.Open(&config)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	defer nf.Close()
	if err := nf.SetOption(netlink.NoENOBUFS, true); err != nil {
		fmt.Println("option:", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fn := func(a nfqueue.Attribute) int {
		id := *a.PacketID
		fmt.Printf("[%d]\\t%v\\n", id, *a.Payload)
		if err := nf.SetVerdict(id, nfqueue.NfAccept); err != nil {
			fmt.Println(err)
		}
		return 0
	}
	err = nf.RegisterWithErrorFunc(ctx, fn, func(e error) int {
		if opError, ok := e.(*netlink.OpError); ok && (opError.Timeout() || opError.Temporary()) {
			return 0
		}
		fmt.Println(e)
		return -1
	})
	if err != nil {
		fmt.Println("register:", err)
		return
	}
	<-ctx.Done()
	fmt.Println("end")
}
"""
OLDER = """package main

import (
	"context"
	"fmt"
	"time"

	nfqueue "github.com/florianl/go-nfqueue"
)

func main() {
	config := nfqueue.Config{
		NfQueue:      100,
		MaxPacketLen: 0xFFFF,
		MaxQueueLen:  0xFF,
		Copymode:     nfqueue.NfQnlCopyPacket,
	}
	nf, err := nfqueue.Open(&config)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	defer nf.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fn := func(m nfqueue.Msg) int {
		id := m[nfqueue.AttrPacketID].(uint32)
		fmt.Printf("[%d]\\t%v\\n", id, m[nfqueue.AttrPayload])
		nf.SetVerdict(id, nfqueue.NfAccept)
		return 0
	}
	err = nf.Register(ctx, fn)
	if err != nil {
		fmt.Println("register:", err)
		return
	}
	<-ctx.Done()
	fmt.Println("end")
}
"""
LEFT_OUT = """package main

import "github.com/florianl/go-nfqueue/v2"

func main() {
	nf, _ := nfqueue.Open(&nfqueue.Config{})
	nf.Con.SetReadBuffer(1 << 20)
}
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class User:
    """A program's folder, and the machine that it is on."""

    def __init__(self, room, build):
        self.folder = os.path.join(room, "user")
        self.env = environment(room, build)
        self.main = os.path.join(self.folder, "main.go")
        os.mkdir(self.folder)

    def go(self, *words, check=True):
        return subprocess.run(["go", *words], cwd=self.folder, env=self.env, check=check,
                              stderr=None if check else subprocess.PIPE, text=True)

    def build(self, program, check=True):
        module = module_of(HERE)
        write(self.main, program.replace("github.com/florianl/go-nfqueue/v2", module)
              .replace("github.com/florianl/go-nfqueue", module + "/old"))
        return self.go("build", "-o", "program", check=check)

    def run(self):
        """In a namespace, where nobody sends anything."""
        flags = ["-n"] if os.geteuid() == 0 else ["-Urn"]
        return subprocess.run(["unshare", *flags, os.path.join(self.folder, "program")], env=self.env, check=True,
                              capture_output=True, text=True, timeout=60).stdout


def main():
    build = os.path.abspath(os.environ["NFBIND_BUILD"])
    print("1..4")
    with tempfile.TemporaryDirectory() as room:
        netlink = os.path.join(room, "netlink")
        write(os.path.join(netlink, "go.mod"), "module github.com/mdlayher/netlink\n\ngo 1.25\n")
        write(os.path.join(netlink, "netlink.go"), NETLINK)
        for source in (BINDING, HERE, netlink):
            add_to_proxy(os.path.join(room, "proxy"), source)
        user = User(room, build)
        user.go("mod", "init", "example.org/user")
        user.go("get", f"{module_of(HERE)}@{VERSION}", f"{module_of(netlink)}@{VERSION}")
        print("ok 1 - fetched from a proxy, and what it needs with it")
        for number, (name, program) in enumerate({"today's": TODAY, "the older": OLDER}.items(), 2):
            user.build(program)
            said = user.run()
            assert said == "end\n", said
            print(f"ok {number} - {name} program runs with another import path")
        failed = user.build(LEFT_OUT, check=False)
        assert failed.returncode != 0 and "ConIsLeftOut" in failed.stderr, failed.stderr
        print("ok 4 - what is left out does not compile, and is named")
        # A fetched module is read-only, and a temporary folder wants to go.
        user.go("clean", "-modcache")


if __name__ == "__main__":
    sys.exit(main())
