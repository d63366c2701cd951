// SPDX-License-Identifier: MIT

package nfbind

// #cgo !nfbind_system CFLAGS: -O2
// #cgo !nfbind_system pkg-config: libmnl
// #cgo !nfbind_system LDFLAGS: -lpthread
// #cgo nfbind_system CFLAGS: -DNFBIND_SYSTEM
// #cgo nfbind_system pkg-config: nfbind
import "C"
