// SPDX-License-Identifier: Apache-2.0
// How many primes there are below the number given, and the last of them.
//
//   npm install --ignore-scripts assemblyscript@0.28.20 @assemblyscript/wasi-shim@0.1.0
//   npx asc primes.ts --config node_modules/@assemblyscript/wasi-shim/asconfig.json -O2 -o primes.wasm
const below = process.argv.length > 1 ? I32.parseInt(process.argv[1]) : 0;
if (below < 2 || below > 100000000) {
  console.error("usage: primes NUMBER");
  process.exit(64);
}
const composite = new Uint8Array(below);
let count = 0, last = 0;
for (let i = 2; i < below; i++) {
  if (composite[i]) continue;
  count++;
  last = i;
  for (let k = <i64>i * i; k < below; k += i) composite[<i32>k] = 1;
}
console.log(`${count} ${last}`);
