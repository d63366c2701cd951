-- SPDX-License-Identifier: MIT
-- luarocks make: the module, beside nfbind.
rockspec_format = "3.0"
package = "nfbind-netfilter-lua"
version = "0.1.0-1"
source = { url = "." }
description = {
	summary = "The module nfq for programs written for netfilter-lua, on nfbind",
	license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1", "nfbind" }
build = {
	type = "builtin",
	modules = { nfq = "nfq.lua" },
}
