// SPDX-License-Identifier: MIT

// Package nfbind speaks to the packet filter of Linux: packets from NFQUEUE and verdicts back,
// connections and expectations listed, changed and watched, connection tracking helpers.
//
// The objects and their methods are generated from the headers of the C library nfbind, which lies
// in this package and needs libmnl, found by pkg-config. With the build tag nfbind_system the
// installed library is linked instead.
//
// A field is read as a value and whether there is one: absent and 0 are different things. What the
// library refuses is an [Error]. Sessions are closed by their user; other objects may be freed, or
// forgotten. All may be used from any goroutine: calls on one object take turns, or are EBUSY beside
// one that waits.
package nfbind
