// SPDX-License-Identifier: Apache-2.0
// V8 as one of the engines of build/wasmdiff (v8.c): modules and plans come
// on standard input, each after its length; texts go out, the same that
// engine.c writes. The first line says what this V8 has.
"use strict";
const fs = require("fs");

// What is an option of an older V8 may be finished enough; a flag that is
// not known does nothing.
for (const f of ["memory64", "multi-memory", "exnref"])
	require("v8").setFlagsFromString("--experimental-wasm-" + f);

// Small modules by the number of their feature in lib/wasm/feature.h.
const section = (id, ...b) => [id, b.length, ...b];
const module_of = (...sections) =>
	Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat());
const with_body = (memory, ...body) => module_of(section(1, 1, 0x60, 0, 0),
	section(3, 1, 0), memory,
	section(10, 1, body.length + 2, 0, ...body, 0x0b));
const body = (...b) => with_body([], ...b);
const probes = {
	1: body(0x41, 0, 0xc0, 0x1a),
	2: body(0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a),
	3: module_of(section(1, 1, 0x60, 0, 2, 0x7f, 0x7f)),
	4: with_body(section(5, 1, 0, 1), 0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0),
	5: body(0xd0, 0x70, 0x1a),
	6: body(0xfd, 12, ...new Array(16).fill(0), 0x1a),
	8: module_of(section(6, 1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b)),
	9: body(0x12, 0),
	11: module_of(section(5, 2, 0, 0, 0, 0)),
	12: module_of(section(4, 1, 0x70, 5, 1, 2), section(5, 1, 4, 1)),
	13: module_of(section(1, 2, 0x60, 0, 0, 0x60, 1, 0x64, 0, 0)),
	14: body(0x41, 0, 0xfb, 0x1c, 0x1a),
	15: body(0x1f, 0x40, 0, 0x0b),
	16: body(0x06, 0x40, 0x19, 0x0b),
	17: body(0x42, 0, 0x42, 0, 0x42, 0, 0x42, 0, 0xfc, 0x13, 0x1a, 0x1a),
};

function supported()
{
	let mask = 1n | 1n << 7n;

	for (const bit in probes) {
		if (WebAssembly.validate(probes[bit]))
			mask |= 1n << BigInt(bit);
	}
	return mask;
}

const view = new DataView(new ArrayBuffer(8));

function float(v, wide)
{
	if (wide)
		view.setFloat64(0, v);
	else
		view.setFloat32(0, v);
	return wide ? view.getBigUint64(0) : BigInt(view.getUint32(0));
}

// The bits of a value; a NaN is a NaN.
function bits(type, v)
{
	switch (type) {
	case "i":
		return BigInt(v >>> 0);
	case "I":
		return BigInt.asUintN(64, v);
	case "f":
		return Number.isNaN(v) ? 0x7fc00000n : float(v, false);
	case "d":
		return Number.isNaN(v) ? 0x7ff8n << 48n : float(v, true);
	default:
		return v === null ? 0n : 1n;
	}
}

function text(type, v)
{
	if ((type === "f" || type === "d") && Number.isNaN(v))
		return " nan";
	return " " + bits(type, v).toString(16);
}

function from_bits(type, hex)
{
	const b = BigInt("0x" + hex);

	switch (type) {
	case "i":
		return Number(b) | 0;
	case "I":
		return BigInt.asIntN(64, b);
	case "f":
		view.setUint32(0, Number(b));
		return view.getFloat32(0);
	case "d":
		view.setBigUint64(0, b);
		return view.getFloat64(0);
	default:
		return null;
	}
}

const mix = (h, w) => {
	h = Math.imul(h ^ w, 0x9e3779b1);
	return h ^ h >>> 15;
};
let hash;

function answer(params, results)
{
	return (...args) => {
		args.forEach((v, i) => {
			const b = bits(params[i], v);

			hash = mix(hash, Number(b & 0xffffffffn) | 0);
			hash = mix(hash, Number(b >> 32n) | 0);
		});
		const ret = [...results].map((type, i) => {
			hash = mix(hash, i);
			const u = hash >>> 0;

			switch (type) {
			case "i":
				return hash;
			case "I":
				return BigInt(u) << 32n | BigInt((u ^ 5) >>> 0);
			case "f":
				return u % 4096 - 100;
			default:
				return u / 16 - 100;
			}
		});
		return ret.length > 1 ? ret : ret[0];
	};
}

// V8's words for enum dj_trap; check.c knows where it has one for two of them.
const traps = [
	["unreachable", 1],
	["memory access out of bounds", 2],
	["data segment out of bounds", 2],
	["data segment is out of bounds", 2],
	["table index is out of bounds", 3],
	["table access out of bounds", 3],
	["table or element segment out of bounds", 3],
	["element segment out of bounds", 3],
	["table.grow", 3],
	["null function or function signature mismatch", 4],
	["function signature mismatch", 4],
	["divide by zero", 6],
	["remainder by zero", 6],
	["divide result unrepresentable", 7],
	["float unrepresentable in integer range", 7],
	["dereferencing a null pointer", 11],
	["rethrowing null value", 11],
	["illegal cast", 12],
	["array element access out of bounds", 13],
	["array is too large", 0x104],
	["requested new array is too large", 0x104],
];

function trap(e)
{
	if (WebAssembly.Exception && e instanceof WebAssembly.Exception)
		return " trap 10\n";
	if (e instanceof RangeError && /call stack/.test(e.message))
		return " trap 9\n";
	if (e instanceof WebAssembly.RuntimeError)
		for (const [words, n] of traps)
			if (e.message.includes(words))
				return " trap " + n + "\n";
	return " " + e + "\n";
}

function call(name, f, params, results, args)
{
	let v;

	try {
		v = f(...[...params].map((p, i) => from_bits(p, args[i])));
	} catch (e) {
		return name + trap(e);
	}
	if (results.length < 2)
		v = [v];
	return name + [...results].map((r, i) => text(r, v[i])).join("") + "\n";
}

function memory(name, m)
{
	const words = new Uint32Array(m.buffer);
	let h = 0;

	for (let i = 0; i < words.length; i++)
		h = mix(h, words[i]);
	return name + " " + m.buffer.byteLength.toString(16) + " " +
		(h >>> 0).toString(16) + "\n";
}

function table(name, t)
{
	const zero = typeof t.length === "bigint" ? 0n : 0;
	let s = name + " ";

	for (let i = zero; i < t.length && i < 1000; i++)
		s += t.get(i) === null ? "-" : "x";
	return s + "\n";
}

const limits = (min, max, index, more) => {
	const n = (v) => index === "I" ? BigInt(v) : Number(v);

	return { initial: n(min), ...(max === "-1" ? {} : { maximum: n(max) }),
		...(index === "I" ? { address: "i64" } : {}), ...more };
};
const names = { i: "i32", I: "i64", f: "f32", d: "f64" };

function imported(kind, a, b, c)
{
	switch (kind) {
	case "i":
		return answer(a.slice(1), b.slice(1));
	case "T":
		return new WebAssembly.Table(limits(a, b, c,
			{ element: "anyfunc" }));
	case "M":
		return new WebAssembly.Memory(limits(a, b, c));
	case "G":
		return new WebAssembly.Global({ value: names[a],
			mutable: b === "1" }, from_bits(a, c));
	}
}

// The objects of the present instance.
let given;

function imports(lines)
{
	given = {};
	for (const [kind, mod, name, a, b, c] of lines)
		if ("iTMG".includes(kind))
			(given[mod] ??= {})[name] = imported(kind, a, b, c);
	return given;
}

function state(lines, inst, after)
{
	let out = "";

	for (const [kind, name, a] of lines)
		if (kind === "M")
			out += after + memory("import", given[name][a]);
		else if (kind === "m")
			out += after + memory(name, inst[name]);
		else if (kind === "t")
			out += after + table(name, inst[name]);
		else if (kind === "g" && a !== "?")
			out += after + name + text(a, inst[name].value) + "\n";
	return out;
}

function run(plan, bytes)
{
	const lines = plan.split("\n").filter((l) => l).map((l) => l.split(" "));
	let module, inst, out;

	hash = 0;
	try {
		module = new WebAssembly.Module(bytes);
	} catch (e) {
		return "invalid: " + e.message + "\n";
	}
	try {
		inst = new WebAssembly.Instance(module, imports(lines)).exports;
	} catch (e) {
		return "start" + trap(e);
	}
	out = "start\n";
	for (const [kind, name, a, b, ...rest] of lines) {
		if (kind !== "r")
			continue;
		const line = call(name, inst[name], a.slice(1), b.slice(1), rest);

		out += line;
		if (!line.includes(" trap "))
			continue;
		// A trap is the end of an instance.
		out += state(lines, inst, "~");
		try {
			inst = new WebAssembly.Instance(module, imports(lines)).exports;
		} catch (e) {
			return out + "start" + trap(e);
		}
		out += "start\n";
	}
	return out + state(lines, inst, "") + "host " +
		(hash >>> 0).toString(16) + "\n";
}

function read(n)
{
	const b = Buffer.alloc(n);

	for (let at = 0, got; at < n; at += got) {
		got = fs.readSync(0, b, at, n - at);
		if (got === 0)
			process.exit(0);
	}
	return b;
}

function write(s)
{
	const b = Buffer.from(s);
	const len = Buffer.alloc(4);

	len.writeUInt32LE(b.length);
	const all = Buffer.concat([len, b]);
	for (let at = 0; at < all.length;)
		at += fs.writeSync(1, all, at);
}

write(supported().toString(16));
for (;;) {
	const sizes = read(8);
	const plan = read(sizes.readUInt32LE(0)).toString();

	write(run(plan, read(sizes.readUInt32LE(4))));
}
