-- SPDX-License-Identifier: MIT
-- luarocks make: the module for the Lua that luarocks works for, on an installed libnfbind.
rockspec_format = "3.0"
package = "nfbind"
version = "0.1.0-1"
source = { url = "." }
description = {
	summary = "NFQUEUE, connection tracking and its helpers",
	detailed = "Packets from the kernel's queues and verdicts back; connections and " ..
		"expectations listed, changed and watched. A thin layer that is generated from the " ..
		"headers of the C library nfbind.",
	license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1, < 5.6" }
external_dependencies = { NFBIND = { header = "nfbind/nfbind.h", library = "nfbind" } }
build = {
	type = "builtin",
	modules = {
		nfbind = "nfbind.lua",
		["nfbind.core"] = {
			sources = { "nfbind_generated.c" },
			incdirs = { "$(NFBIND_INCDIR)" },
			libdirs = { "$(NFBIND_LIBDIR)" },
			libraries = { "nfbind" },
		},
	},
}
