-- SPDX-License-Identifier: MIT
-- luarocks make: the modules and the program, beside nfbind.
rockspec_format = "3.0"
package = "nfbind-nflua"
version = "0.1.0-1"
source = { url = "." }
description = {
	summary = "Scripts written for NFLua, on packets of queues",
	license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1", "nfbind" }
build = {
	type = "builtin",
	modules = {
		nflua = "nflua.lua",
		["nflua.checksum"] = "nflua/checksum.lua",
		["nflua.conn"] = "nflua/conn.lua",
		["nflua.format"] = "nflua/format.lua",
		["nflua.memory"] = "nflua/memory.lua",
		["nflua.netlink"] = "nflua/netlink.lua",
		["nflua.packet"] = "nflua/packet.lua",
		["nflua.rules"] = "nflua/rules.lua",
		["nflua.state"] = "nflua/state.lua",
		["nflua.timer"] = "nflua/timer.lua",
	},
	install = { bin = { nflua = "bin/nflua" } },
}
