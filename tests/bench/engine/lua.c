// SPDX-License-Identifier: Apache-2.0
/* Lua's virtual machine: calls, closures, tables, strings, floats, sorting. */
#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static const char script[] =
	"local function fib(n)\n"
	"  if n < 2 then return n end\n"
	"  return fib(n - 1) + fib(n - 2)\n"
	"end\n"
	"local out = {fib(29)}\n"
	"local t, seed = {}, 42\n"
	"for i = 1, 150000 do\n"
	"  seed = (seed * 1103515245 + 12345) % 2147483648\n"
	"  t[i] = seed\n"
	"end\n"
	"table.sort(t)\n"
	"out[#out + 1] = t[1000]\n"
	"table.sort(t, function(a, b) return a % 1000 > b % 1000 end)\n"
	"out[#out + 1] = t[1] % 1000\n"
	"local words = {}\n"
	"for i = 1, 60000 do\n"
	"  local w = 'w' .. i % 997\n"
	"  words[w] = (words[w] or 0) + #w\n"
	"end\n"
	"local n = 0\n"
	"for k, v in pairs(words) do n = n + v end\n"
	"out[#out + 1] = n\n"
	"local s = string.rep('the quick brown fox ', 3000)\n"
	"local _, hits = s:gsub('%w+', function(w) return w:upper() end)\n"
	"out[#out + 1] = hits\n"
	"local x, y = 0.5, 0\n"
	"for i = 1, 2000000 do\n"
	"  x = 3.7 * x * (1 - x)\n"
	"  if x > 0.5 then y = y + 1 end\n"
	"end\n"
	"out[#out + 1] = y\n"
	"local Account = {}\n"
	"Account.__index = Account\n"
	"function Account.new(b) return setmetatable({b = b}, Account) end\n"
	"function Account:add(n) self.b = self.b + n return self end\n"
	"local acc\n"
	"for i = 1, 300000 do acc = Account.new(i):add(2):add(3) end\n"
	"out[#out + 1] = acc.b\n"
	"local sieve, primes = {}, 0\n"
	"for i = 2, 300000 do\n"
	"  if not sieve[i] then\n"
	"    primes = primes + 1\n"
	"    for k = i * i, 300000, i do sieve[k] = true end\n"
	"  end\n"
	"end\n"
	"out[#out + 1] = primes\n"
	"return table.concat(out, ' ')\n";

int main(void)
{
	lua_State *l = luaL_newstate();

	if (l == NULL)
		return 1;
	luaL_requiref(l, LUA_GNAME, luaopen_base, 1);
	luaL_requiref(l, LUA_TABLIBNAME, luaopen_table, 1);
	luaL_requiref(l, LUA_STRLIBNAME, luaopen_string, 1);
	luaL_requiref(l, LUA_MATHLIBNAME, luaopen_math, 1);
	lua_settop(l, 0);
	if (luaL_dostring(l, script)) {
		fprintf(stderr, "lua: %s\n", lua_tostring(l, -1));
		return 1;
	}
	puts(lua_tostring(l, -1));
	lua_close(l);
	return 0;
}
