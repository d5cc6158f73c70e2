#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of the engine's fuzz targets: the modules of its unit tests, written
to fuzz/seeds/wasm and fuzz/seeds/interp. Run it after such a module changed."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = ("test_wasm_load", "test_engine_run", "test_engine_fused", "test_engine_vector", "test_engine_3_0",
         "test_engine_gc", "test_engine_legacy")

for name in TESTS:
    with open(os.path.join(ROOT, "tests", "unit", name + ".c")) as f:
        body = re.search(r"static const uint8_t (?:module|good)\[\] = \{(.*?)\};", f.read(), re.S).group(1)
    module = bytes(int(b, 16) for b in re.findall(r"0x([0-9a-f]{2})", body))
    assert module[:4] == b"\0asm"
    for target in ("wasm", "interp"):
        folder = os.path.join(ROOT, "fuzz", "seeds", target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name[5:]), "wb") as f:
            f.write(module)
