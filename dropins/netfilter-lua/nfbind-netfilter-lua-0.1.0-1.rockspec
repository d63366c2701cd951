-- SPDX-License-Identifier: MIT
-- luarocks make: the modules, beside nfbind.
rockspec_format = "3.0"
package = "nfbind-netfilter-lua"
version = "0.1.0-1"
source = { url = "." }
description = {
	summary = "The modules nfq and nfct for programs written for netfilter-lua, on nfbind",
	license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1", "nfbind" }
build = {
	type = "builtin",
	modules = {
		nfq = "nfq.lua",
		nfct = "nfct.lua",
		nfct_attributes = "nfct_attributes.lua",
		netfilter_lua = "netfilter_lua.lua",
	},
}
