-- SPDX-License-Identifier: MIT
-- What the test has beside it: traffic from processes of its own while a session's loop
-- runs here, and other machines behind veth pairs. Nothing depends on how fast it is.

local traffic = {}

local MOST = 60 -- seconds that anything may take

function traffic.run(...)
	local command = select("#", ...) > 1 and (...):format(select(2, ...)) or (...)
	local done = os.execute(command)
	if done ~= true and done ~= 0 then
		error("failed: " .. command, 2)
	end
end

-- A number below /proc/sys of this namespace, as "net/ipv4/ip_forward".
function traffic.set(name, value)
	traffic.run("echo %d >/proc/sys/%s", value, name)
end

local function write(path, text)
	local file = assert(io.open(path, "w"))
	file:write(text)
	file:close()
end

local function read(path)
	local file = io.open(path)
	local text = file and file:read("*a")
	if file then
		file:close()
	end
	return text
end

-- Run the loop until the condition holds.
function traffic.wait(session, condition)
	local started = os.time()
	while not condition() do
		if os.time() - started > MOST then
			error("nothing came of it", 2)
		end
		assert(session:step(20))
	end
end

local HEAD = [[
import os, socket, sys, time
path = sys.argv[1]
def tell(text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
def pause():
    while not os.path.exists(path + ".go"):
        time.sleep(0.02)
]]

-- Start a program in Python; what it tells ends up in the file that is returned.
function traffic.python(code, prefix)
	local path = os.tmpname()
	os.remove(path)
	write(path .. ".py", HEAD .. code)
	traffic.run("%s timeout %d python3 %s.py %s </dev/null >%s.out 2>&1 &", prefix or "", MOST, path, path, path)
	return path
end

-- A program that pauses goes on.
function traffic.go_on(path)
	write(path .. ".go", "")
end

-- What the program told, once it did. The loop runs meanwhile.
function traffic.finish(session, path)
	local text
	traffic.wait(session, function()
		text = read(path)
		return text
	end)
	for _, ending in ipairs { "", ".py", ".out", ".go" } do
		os.remove(path .. ending)
	end
	return text
end

local UDP = [[
address, family, port, count = %q, %s, %d, %d
here = socket.socket(family, socket.SOCK_DGRAM)
here.bind((address, port))
here.settimeout(50)
there = socket.socket(family, socket.SOCK_DGRAM)
there.bind((address, port + 1))
for text in %s:
    if text == b"pause":
        pause()
    else:
        there.sendto(text, (address, port))
got = []
try:
    while True:
        got.append(here.recv(70000))
        if len(got) == count:
            here.settimeout(0.1)
except TimeoutError:
    pass
tell(" ".join(text.decode("latin1") for text in got))
]]

local function list(texts)
	local quoted = {}
	for i, text in ipairs(texts) do
		quoted[i] = ("b'%s'"):format(text)
	end
	return "[" .. table.concat(quoted, ", ") .. "]"
end

-- Texts from port + 1 to the port, with a pause where one is "pause"; it is told which came, when so many did.
function traffic.udp(port, count, ...)
	return traffic.python(UDP:format("127.0.0.1", "socket.AF_INET", port, count, list { ... }))
end

function traffic.udp6(port, count, ...)
	return traffic.python(UDP:format("::1", "socket.AF_INET6", port, count, list { ... }))
end

return traffic
