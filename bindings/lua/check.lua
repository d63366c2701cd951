-- SPDX-License-Identifier: MIT
-- What the tests share: cases that are run in order and print TAP.

local check = { count = 0, failed = 0 }

local function describe(value)
	return type(value) == "string" and string.format("%q", value) or tostring(value)
end

function check.equal(is, wanted)
	if is ~= wanted then
		error(describe(is) .. " is not " .. describe(wanted), 2)
	end
end

-- A failure of the library: nil, a sentence, and this errno.
function check.refused(errno, value, message, code)
	check.equal(value, nil)
	check.equal(type(message), "string")
	check.equal(code, errno)
	return message
end

-- An error that is raised, with this in its text.
function check.raises(pattern, call, ...)
	local done, message = pcall(call, ...)
	if done then
		error("nothing was raised", 2)
	elseif not tostring(message):find(pattern) then
		error("raised was " .. describe(message) .. ", without " .. pattern, 2)
	end
end

function check.case(name, body)
	local done, message = xpcall(body, function(text)
		return debug.traceback(tostring(text))
	end)
	check.count = check.count + 1
	check.failed = check.failed + (done and 0 or 1)
	print((done and "ok " or "not ok ") .. check.count .. " - " .. name)
	if not done then
		print("# " .. message:gsub("\n", "\n# "))
	end
	collectgarbage()
end

function check.finish()
	print("1.." .. check.count)
	os.exit(check.failed == 0 and 0 or 1, true)
end

-- What makes a network namespace here: for root also where no user may have one, as in a chroot.
local function unshare()
	for _, flags in ipairs { "-Urn", "-n" } do
		local made = os.execute("unshare " .. flags .. " true 2>/dev/null")
		if made == true or made == 0 then
			return "unshare " .. flags
		end
	end
	print("1..0 # SKIP no namespace can be made here")
	os.exit(0, true)
end

-- Run this file again in a network namespace of its own, with a queue fed by a rule, or with
-- another rule.
function check.enter_namespace(port, queue, rule)
	rule = rule or ("OUTPUT -p udp --dport %d -j NFQUEUE --queue-num %d"):format(port, queue)
	if os.getenv("NFBIND_LUA_INSIDE") then
		os.remove(os.getenv("XTABLES_LOCKFILE"))
		return
	end
	local lock = os.tmpname()
	local command = string.format("NFBIND_LUA_INSIDE=1 XTABLES_LOCKFILE=%s PATH=$PATH:/usr/sbin:/sbin " ..
		"%s sh -c 'ip link set lo up && iptables -w -A %s && exec %q %q %s'", lock, unshare(), rule,
		arg[-1], arg[0], table.concat(arg, " "))
	local first, _, third = os.execute(command)
	local status = type(first) == "number" and first / 256 or first and 0 or third
	os.remove(lock)
	os.exit(status, true)
end

return check
