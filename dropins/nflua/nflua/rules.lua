-- SPDX-License-Identifier: MIT
-- Bits of the packet mark, the rules that know them, and the options that name them.

local rules = {}

function rules.known_options(...)
	local known = {}
	for _, names in ipairs { ... } do
		for _, name in ipairs(names) do
			known[name] = true
		end
	end
	return known
end

function rules.check_options(options, known, name)
	if type(options) ~= "table" then
		error(("bad argument to '%s' (table expected, got %s)"):format(name, type(options)), 3)
	end
	for option in pairs(options) do
		if not known[option] then
			error(("bad argument to '%s' (no option '%s')"):format(name, tostring(option)), 3)
		end
	end
end

function rules.pick(options, names)
	local picked = {}
	for _, name in ipairs(names) do
		picked[name] = options[name]
	end
	return picked
end

function rules.bits_of(mark)
	local bits, bit = {}, 1
	while bit <= mark do
		if mark % (bit * 2) >= bit then
			bits[#bits + 1] = bit
		end
		bit = bit * 2
	end
	return bits
end

function rules.without(mark, bits)
	for _, bit in ipairs(bits) do
		if mark % (bit * 2) >= bit then
			mark = mark - bit
		end
	end
	return mark
end

function rules.check_mark(value, name)
	if type(value) ~= "number" or value % 1 ~= 0 or value < 1 or value >= 2 ^ 32 then
		error(("%s: bits of the packet mark are wanted, from 0x1 to 0xffffffff"):format(name), 3)
	end
	return value
end

-- All bits of a match's answer.
function rules.check_bits_of_match(options)
	local yes, no = rules.check_mark(options.yes, "yes"), rules.check_mark(options.no, "no")
	if rules.without(yes, rules.bits_of(no)) ~= yes then
		error("yes and no share bits", 3)
	end
	return yes + no
end

local OPTIONS = { "queue", "chain", "select", "jump", "program", "go_on", "yes", "no" }

-- The rules of one callback, as lines for a shell: what carries none of its bits is queued, and
-- behind that stands, for a match, what becomes of packets that match. `select` says which
-- packets, as "-p tcp --dport 80"; `jump` is the target of those that match.
function rules.lines(options)
	rules.check_options(options, rules.known_options(OPTIONS), "rules")
	local is_match = options.yes ~= nil or options.no ~= nil
	local mask = is_match and rules.check_bits_of_match(options) or rules.check_mark(options.go_on, "go_on")
	if type(options.queue) ~= "number" or type(options.chain) ~= "string" then
		error("bad argument to 'rules' (queue and chain are wanted)", 2)
	end
	local start = ("%s -A %s%s -m mark --mark "):format(options.program or "iptables", options.chain,
		(options.select or "") ~= "" and " " .. options.select or "")
	local lines = { ("%s0x0/0x%x -j NFQUEUE --queue-num %d"):format(start, mask, options.queue) }
	if is_match then
		lines[2] = ("%s0x%x/0x%x -j %s"):format(start, options.yes, mask, options.jump or "DROP")
	end
	return lines
end

return rules
