-- SPDX-License-Identifier: MIT
-- nfct of netfilter-lua, on nfbind: the same functions, results, attribute names and option
-- strings. What differs on purpose is said in doc/migration.md.
--
--     require "nfct"
--     local handle = assert(nfct.open("conntrack", "new", "destroy"))
--     nfct.ct_callback_register(handle, function(kind, ct) print(nfct.tostring(ct, kind)) end)
--     assert(nfct.catch(handle))

local nfbind = require "nfbind"
local shared = require "netfilter_lua"
local attributes = require "nfct_attributes"

shared.add_source(1)

local nfct = {}

local bad, check, make, option = shared.bad, shared.check, shared.make, shared.option
local ENOENT, EAGAIN, ENODATA, EBADMSG, ENOBUFS, ESHUTDOWN, ECANCELED = 2, 11, 61, 74, 105, 108, 125

local Handle = shared.kind "conntrack handle"
local Ct, Exp = shared.kind "conntrack", shared.kind "expectation"
-- What belongs to connections and to expectations goes by these names, as nfbind's do.
local CLASSES = { ct = Ct, exp = Exp }

-- Handles.

local SUBSYSTEMS = { conntrack = { ct = true }, expect = { exp = true }, both = { ct = true, exp = true } }
-- The kernel tells of no change of an expectation.
local EVENTS = {
	ct = { new = nfbind.EVENT_CT_NEW, update = nfbind.EVENT_CT_UPDATE, destroy = nfbind.EVENT_CT_DESTROY },
	exp = { new = nfbind.EVENT_EXP_NEW, destroy = nfbind.EVENT_EXP_DESTROY },
}
local KINDS = {}
for what, kinds in pairs(EVENTS) do
	for kind, number in pairs(kinds) do
		KINDS[number] = { what = what, kind = kind }
	end
end
local function set(...)
	local result = {}
	for _, name in ipairs { ... } do
		result[name] = true
	end
	return result
end
local SUBSCRIPTIONS = {
	none = {}, new = set "new", update = set "update", destroy = set "destroy",
	all = set("new", "update", "destroy"),
}
local CALLED_FOR = {
	new = SUBSCRIPTIONS.new, update = SUBSCRIPTIONS.update, destroy = SUBSCRIPTIONS.destroy,
	all = SUBSCRIPTIONS.all, error = {},
}

local function events_of(subsystems, ...)
	local wanted, sum = {}, 0
	for i = 1, select("#", ...) do
		for kind in pairs(option((select(i, ...)), SUBSCRIPTIONS, nil, i + 1, "open")) do
			wanted[kind] = true
		end
	end
	for number, event in pairs(KINDS) do
		sum = sum + (subsystems[event.what] and wanted[event.kind] and number or 0)
	end
	return sum
end

function nfct.open(subsystem, ...)
	local subsystems = option(subsystem, SUBSYSTEMS, nil, 1, "open")
	local handle = { subsystems = subsystems, callbacks = {}, is_blocking = true }
	local events, message, errno = events_of(subsystems, ...), nil, nil
	handle.requests, message, errno = nfbind.conntrack {}
	if handle.requests and events ~= 0 then
		handle.events, message, errno = nfbind.events { events = events }
	end
	if errno then
		return nil, message, errno
	end
	return make(Handle, handle)
end

-- The document calls it by both names.
for _, name in ipairs { "close", "fini" } do
	nfct[name] = function(handle)
		check(handle, Handle, 1, name).gone = "closed"
		handle.requests:close()
		if handle.events then
			handle.events:close()
		end
	end
end

-- A handle without a subscription has one that is never readable.
function nfct.fd(handle)
	check(handle, Handle, 1, "fd")
	return (handle.events or handle.requests):get_fd()
end

-- Without a second argument it becomes non-blocking.
function nfct.setblocking(handle, blocking)
	check(handle, Handle, 1, "setblocking").is_blocking = blocking and true or false
	return handle
end

local function register(handle, callback, kind, what, name)
	check(handle, Handle, 1, name)
	if not handle.subsystems[what] then
		bad(1, name, "the handle was opened for the other subsystem")
	elseif type(callback) ~= "function" then
		bad(2, name, "function expected, got %s", type(callback))
	end
	handle.callbacks[what] = { call = callback, kinds = option(kind, CALLED_FOR, "all", 3, name) }
	return handle
end

function nfct.ct_callback_register(handle, callback, kind)
	return (register(handle, callback, kind, "ct", "ct_callback_register"))
end

function nfct.exp_callback_register(handle, callback, kind)
	return (register(handle, callback, kind, "exp", "exp_callback_register"))
end

-- Events.

local VERDICTS = set("failure", "stop", "continue", "stolen")

local function destroy(object)
	if not object.gone then
		object.gone = "destroyed"
		object.inner:free()
	end
end

-- What is not stolen ends with the callback.
local function deliver(handle, what, kind, inner)
	local callback = handle.callbacks[what]
	local object = make(CLASSES[what], { inner = inner })
	if not callback or not callback.kinds[kind] then
		destroy(object)
		return "continue"
	end
	local done, verdict = pcall(callback.call, kind, object)
	if not done or verdict ~= "stolen" then
		destroy(object)
	end
	if not done then
		error(verdict, 0)
	elseif verdict ~= nil and not VERDICTS[verdict] then
		error("the callback returned none of 'failure', 'stop', 'continue' and 'stolen'", 0)
	end
	return verdict or "continue"
end

-- Whether to go on; else what the function that called back returns.
local function judged(handle, verdict)
	if verdict == "failure" then
		return false, nil, "the callback returned 'failure'", ECANCELED
	elseif handle.gone then
		return false, nil, "closed", ESHUTDOWN
	end
	return verdict ~= "stop", handle
end

local function next_event(handle)
	if not handle.events then
		return nil, handle.is_blocking and "no events were subscribed to" or "timeout",
			handle.is_blocking and ENODATA or EAGAIN
	end
	while true do
		local event, ct, exp = handle.events:next()
		if event or ct then
			return event, ct, exp
		end
		local got, message, errno = shared.receive(handle.events, handle.is_blocking)
		if not got then
			return nil, message, errno
		end
	end
end

function nfct.catch(handle)
	check(handle, Handle, 1, "catch")
	local goes_on, result, message, errno = true, nil, nil, nil
	while goes_on do
		local event, ct, exp = next_event(handle)
		local known = event and KINDS[event.kind]
		if known then
			(known.what == "ct" and exp or ct):free()
			goes_on, result, message, errno = judged(handle,
				deliver(handle, known.what, known.kind, known.what == "ct" and ct or exp))
		elseif not event then
			return nil, ct, exp
		elseif event.kind == nfbind.EVENT_OVERRUN then
			return nil, "events were lost: the receive buffer was full", ENOBUFS
		else
			return nil, "the kernel sent what is no event", EBADMSG
		end
	end
	return result, message, errno
end

-- Deprecated there, and here.
function nfct.loop(handle, kind, callback)
	register(handle, callback, kind, "ct", "loop")
	return nfct.catch(handle)
end

-- Connections.

function nfct.new()
	return make(Ct, { inner = nfbind.ct() })
end

function nfct.destroy(ct)
	destroy(check(ct, Ct, 1, "destroy"))
end

function nfct.clone(ct)
	local copy = nfct.new()
	copy.inner:assign(check(ct, Ct, 1, "clone").inner)
	copy.secmark = ct.secmark
	return copy
end

local PREFIXES = { new = "    [NEW] ", update = " [UPDATE] ", destroy = "[DESTROY] ", unknown = "" }

function nfct.tostring(ct, kind)
	check(ct, Ct, 1, "tostring")
	return option(kind, PREFIXES, "unknown", 2, "tostring") .. ct.inner:print(nfbind.FORMAT_LINE)
end

local OPERATIONS = {
	["undo-snat"] = nfbind.CT_OPERATION_UNDO_SNAT,
	["undo-dnat"] = nfbind.CT_OPERATION_UNDO_DNAT,
	["undo-spat"] = nfbind.CT_OPERATION_UNDO_SPAT,
	["undo-dpat"] = nfbind.CT_OPERATION_UNDO_DPAT,
	["setup-original"] = nfbind.CT_OPERATION_SETUP_ORIG,
	["setup-reply"] = nfbind.CT_OPERATION_SETUP_REPL,
}

function nfct.setobjopt(ct, name)
	check(ct, Ct, 1, "setobjopt")
	local done, message, errno = ct.inner:apply(option(name, OPERATIONS, nil, 2, "setobjopt"))
	if not done then
		return nil, message, errno
	end
	return ct
end

local function has_bit(number, bit)
	return math.floor(number / bit) % 2 == 1
end

local TRANSLATIONS = {
	["is-snat"] = nfbind.CT_TRANSLATION_SNAT,
	["is-dnat"] = nfbind.CT_TRANSLATION_DNAT,
	["is-spat"] = nfbind.CT_TRANSLATION_SPAT,
	["is-dpat"] = nfbind.CT_TRANSLATION_DPAT,
}

function nfct.getobjopt(ct, name)
	check(ct, Ct, 1, "getobjopt")
	local bit = option(name, TRANSLATIONS, nil, 2, "getobjopt")
	return has_bit(ct.inner:get_translation(), bit)
end

local COMPARISONS = {
	orig = nfbind.CT_COMPARE_ORIG, repl = nfbind.CT_COMPARE_REPL, meta = nfbind.CT_COMPARE_META,
	["timeout-eq"] = nfbind.CT_COMPARE_TIMEOUT_EQ, ["timeout-gt"] = nfbind.CT_COMPARE_TIMEOUT_GT,
	["timeout-lt"] = nfbind.CT_COMPARE_TIMEOUT_LT,
	mask = nfbind.CT_COMPARE_MASK, strict = nfbind.CT_COMPARE_STRICT,
}

-- The numbers of options that may be given more than once, in one.
local function flags_of(values, first, name, ...)
	local given, sum = {}, 0
	for i = 1, select("#", ...) do
		given[option((select(i, ...)), values, nil, first + i - 1, name)] = true
	end
	for number in pairs(given) do
		sum = sum + number
	end
	return sum
end

-- Without a flag, of both tuples and all the rest what both have.
function nfct.compare(ct, other, ...)
	check(ct, Ct, 1, "compare")
	check(other, Ct, 2, "compare")
	local flags = flags_of(COMPARISONS, 3, "compare", ...)
	return ct.inner:compare(other.inner, flags ~= 0 and flags or
		COMPARISONS.orig + COMPARISONS.repl + COMPARISONS.meta)
end

attributes.add_to(nfct, Ct)

-- Expectations.

local FLAGS = {
	permanent = nfbind.EXP_FLAG_PERMANENT,
	inactive = nfbind.EXP_FLAG_INACTIVE,
	userspace = nfbind.EXP_FLAG_USERSPACE,
}
local TUPLE = {
	"src", "dst", "l3proto", "l4proto", "port-src", "port-dst", "icmp-type", "icmp-code", "icmp-id",
}

local function copy_tuple(inner, prefix, ct)
	for _, part in ipairs(TUPLE) do
		inner[prefix .. part] = ct.inner["orig-" .. part]
	end
end

-- Each of the three gives its original tuple.
function nfct.exp_new(master, expected, mask, timeout, ...)
	check(master, Ct, 1, "exp_new")
	check(expected, Ct, 2, "exp_new")
	check(mask, Ct, 3, "exp_new")
	local seconds = shared.whole(timeout, 32)
	if not seconds then
		bad(4, "exp_new", "a number of 32 bits is wanted, not %s", tostring(timeout))
	end
	local flags = flags_of(FLAGS, 5, "exp_new", ...)
	local inner = nfbind.exp()
	copy_tuple(inner, "master-", master)
	copy_tuple(inner, "expected-", expected)
	copy_tuple(inner, "mask-", mask)
	inner.timeout, inner.flags = seconds, flags
	return make(Exp, { inner = inner })
end

function nfct.exp_destroy(exp)
	destroy(check(exp, Exp, 1, "exp_destroy"))
end

function nfct.exp_tostring(exp, kind)
	check(exp, Exp, 1, "exp_tostring")
	return option(kind, PREFIXES, "unknown", 2, "exp_tostring") .. exp.inner:print(nfbind.FORMAT_LINE)
end

-- Queries. What the kernel answers goes to the callback, as "update".

local function deliver_all(handle, what, list, message, errno)
	if not list then
		return nil, message, errno
	end
	local goes_on, result = true, handle
	while goes_on do
		local inner
		inner, message, errno = list["next_" .. what](list)
		if not inner then
			list:free()
			return not errno and handle or nil, message, errno
		end
		goes_on, result, message, errno = judged(handle, deliver(handle, what, "update", inner))
	end
	return result, message, errno
end

local function fetch(handle, what, data)
	local inner, message, errno
	if what == "ct" then
		inner, message, errno = handle.requests:fetch_ct(data)
	else
		inner, message, errno = handle.requests:fetch_exp(data)
	end
	if not inner then
		return nil, message or "there is no such entry", errno or ENOENT
	end
	local _, result
	_, result, message, errno = judged(handle, deliver(handle, what, "update", inner))
	return result, message, errno
end

local function list(kind)
	return function(handle, what)
		if what == "exp" then
			return deliver_all(handle, what, handle.requests:list_exp())
		end
		return deliver_all(handle, what, handle.requests:list_ct(nil, kind))
	end
end

-- A method of the requests, which are named for what they are about.
local function request(verb, flags)
	return function(handle, what, data)
		return handle.requests[verb .. what](handle.requests, data, flags)
	end
end

local QUERIES = {
	create = { call = request "add_", has_data = true },
	update = { call = request "change_", has_data = true },
	destroy = { call = request "remove_", has_data = true },
	get = { call = fetch, has_data = true },
	flush = { call = request "flush_" },
	dump = { call = list(nfbind.LIST_TABLE) },
	["dump-reset"] = { call = list(nfbind.LIST_ZERO) },
	["create-update"] = { call = request("add_", nfbind.ADD_OR_CHANGE), has_data = true },
}

for name, what in pairs { query = "ct", exp_query = "exp" } do
	nfct[name] = function(handle, kind, data)
		check(handle, Handle, 1, name)
		local query = option(kind, QUERIES, nil, 2, name)
		if not handle.subsystems[what] then
			bad(1, name, "the handle was opened for the other subsystem")
		elseif query.has_data then
			data = check(data, CLASSES[what], 3, name).inner
		elseif data ~= nil then
			bad(3, name, "'%s' concerns all of them: nothing expected, got %s", kind, type(data))
		end
		local done, message, errno = query.call(handle, what, data)
		if not done then
			return nil, message, errno
		end
		return handle
	end
end

for name, bits in pairs { ntohs = 16, htons = 16, ntohl = 32, htonl = 32 } do
	nfct[name] = function(value)
		local number = shared.whole(value, bits)
		if not number then
			bad(1, name, "a number of %d bits is wanted, not %s", bits, tostring(value))
		end
		return shared.swap(number, bits)
	end
end

-- Programs there say require "nfct" and use the global.
_G.nfct = nfct
return nfct
