-- SPDX-License-Identifier: MIT
-- One-shot timers of a session, run by its loop.

local timer = {}

local Timer = { __name = "timer", __metatable = "timer" }
local kinds = setmetatable({}, { __mode = "k" }) -- each timer's data
local MOST = 2 ^ 31 - 1
local STEP = 10 -- of the clock

-- Milliseconds of a clock that only goes forward.
function timer.now()
	local file = assert(io.open("/proc/uptime"))
	local seconds = file:read("*n")
	file:close()
	return math.floor(seconds * 1000 + 0.5)
end

-- The module for the scripts of a state; `list` holds the session's timers, the next first.
function timer.of(list, state)
	local module = {}

	function module.create(msecs, callback)
		if type(msecs) ~= "number" or msecs % 1 ~= 0 or msecs < 0 or msecs > MOST then
			error("bad argument #1 to 'create' (milliseconds expected, a whole number that is not negative)", 2)
		elseif type(callback) ~= "function" then
			error(("bad argument #2 to 'create' (function expected, got %s)"):format(type(callback)), 2)
		end
		local made = setmetatable({}, Timer)
		-- The clock may be about to make its step.
		local data = { due = timer.now() + (msecs > 0 and msecs + STEP or 0), callback = callback, state = state }
		kinds[made] = data
		local at = #list + 1
		while at > 1 and list[at - 1].due > data.due do
			at = at - 1
		end
		table.insert(list, at, data)
		return made
	end

	function module.destroy(made)
		local data = kinds[made]
		if not data then
			error(("bad argument #1 to 'destroy' (timer expected, got %s)"):format(type(made)), 2)
		end
		data.callback = nil
	end

	return module
end

-- Milliseconds until the next one: nil when there is none.
function timer.wait(list)
	while list[1] and not list[1].callback do
		table.remove(list, 1)
	end
	return list[1] and math.max(0, list[1].due - timer.now())
end

-- Call what is due by now, not what these add. `call` gets the callback and its state.
function timer.run(list, call)
	local now = list[1] and timer.now()
	local due = {}
	while list[1] and list[1].due <= now do
		due[#due + 1] = table.remove(list, 1)
	end
	for _, data in ipairs(due) do
		local callback = data.callback
		data.callback = nil
		if callback then
			call(callback, data.state)
		end
	end
end

-- Those of a state never run.
function timer.forget(list, state)
	for _, data in ipairs(list) do
		if data.state == state then
			data.callback = nil
		end
	end
end

return timer
