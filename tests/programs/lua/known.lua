-- SPDX-License-Identifier: Apache-2.0
-- What this prints is the same in every Lua 5.4.
local dir = ...
print(_VERSION, math.maxinteger, 7 // 2, 7 % -3, 2 ^ 0.5)
-- errors, which are longjmp
local ok, e = pcall(error, { code = 7 })
print(ok, e.code, select(2, pcall(error, "plain", 0)))
print(xpcall(function() return nil + 1 end, function(m) return (m:gsub("^.-:%d+: ", "")) end))
local function deep(n)
	if n == 0 then error("bottom", 0) end
	return (pcall(deep, n - 1)) and 1 or error("again", 0)
end
print(pcall(deep, 50))
-- coroutines with errors in them
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end error("done", 0) end)
print(co(), co(), co(), pcall(co))
-- closures, metatables, to-be-closed variables
local log = {}
do
	local a <close> = setmetatable({}, { __close = function(_, why) log[#log + 1] = tostring(why) end })
	pcall(function()
		local b <close> = setmetatable({}, { __close = function(_, why) log[#log + 1] = tostring(why) end })
		error("inner", 0)
	end)
end
print(table.concat(log, " "))
-- strings, patterns, packing, sorting
local words = {}
for w in ("the quick brown fox jumps over the lazy dog"):gmatch("%a+") do words[#words + 1] = w end
table.sort(words)
print(table.concat(words, ","), ("%5.2f|%-6s|%q|%x"):format(math.pi, "ab", "a\nb", 255))
print(#string.pack(">I4s2z", 1, "xy", "z"), string.unpack(">I4", "\0\0\1\2"), utf8.char(8364, 120), utf8.len("a€b"))
-- a sieve and a checksum over a million steps
local sieve, count = {}, 0
for i = 2, 100000 do
	if not sieve[i] then
		count = count + 1
		for k = i * i, 100000, i do sieve[k] = true end
	end
end
local h = 0
for i = 1, 1000000 do h = (h * 31 + i) & 0xffffffff end
print(count, h)
-- files: written, appended to, read by lines, sought in, renamed, removed
local name = dir .. "/lua.txt"
local f = assert(io.open(name, "w"))
for i = 1, 1000 do f:write(i, " ", i * i, "\n") end
f:close()
f = assert(io.open(name, "a"))
f:write("end\n")
f:close()
local n, sum = 0, 0
for line in io.lines(name) do
	n = n + 1
	sum = sum + (tonumber(line:match("^%d+ (%d+)$")) or 0)
end
f = assert(io.open(name, "r+"))
print(n, sum, f:seek("end"), f:seek("set", 4), f:read("l"), f:read("n", "n"))
f:close()
print(os.rename(name, name .. ".old"), io.open(name), os.remove(name .. ".old"))
-- garbage
for _ = 1, 100 do local t = {} for i = 1, 1000 do t[i] = { i } end end
collectgarbage()
print(collectgarbage("count") < 20000, load("return 1 +")) -- and an error of the parser
os.exit(5)
