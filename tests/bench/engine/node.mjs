// SPDX-License-Identifier: Apache-2.0
// node.mjs MODULE ARGUMENT...: a WASI command in node's V8.
import {WASI} from 'node:wasi';
import fs from 'node:fs';

const wasi = new WASI({version: 'preview1', args: process.argv.slice(2)});
const module = await WebAssembly.compile(fs.readFileSync(process.argv[2]));

wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
