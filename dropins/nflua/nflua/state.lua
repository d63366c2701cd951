-- SPDX-License-Identifier: MIT
-- A state: the variables of scripts, and the modules that they find.

local conn = require "nflua.conn"
local netlink = require "nflua.netlink"
local timers = require "nflua.timer"

local state = {}

-- This Lua's own functions, and the modules of the document.
function state.environment(session, name)
	local env = setmetatable({}, { __index = _G })
	local connections = conn.of(session)
	local modules = { conn = connections, nf = connections, timer = timers.of(session.timers, name),
		netlink = netlink.of(session), memory = session.memory }
	for module, functions in pairs(modules) do
		env[module] = functions
	end
	env._G = env
	function env.require(module)
		return modules[module] or require(module)
	end
	return env
end

function state.load(env, code, chunk)
	if code:sub(1, 1) == "\27" then
		return nil, "compiled code is not loaded"
	elseif not setfenv then
		return load(code, chunk, "t", env)
	end
	local loaded, message = loadstring(code, chunk)
	if loaded then
		setfenv(loaded, env)
	end
	return loaded, message
end

return state
