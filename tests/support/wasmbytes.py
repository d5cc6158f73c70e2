# SPDX-License-Identifier: Apache-2.0
"""What modules made by hand are written with (WebAssembly 5.1, 5.2)."""


def leb(n, signed=False):
    """LEB128, signed for the constants of an instruction."""
    out = b""
    while True:
        b = n & 0x7f
        n >>= 7
        if (n == 0 and not (signed and b & 0x40)) or (signed and n == -1 and b & 0x40):
            return out + bytes([b])
        out += bytes([b | 0x80])


def section(number, body):
    return bytes([number]) + leb(len(body)) + body


def vec(items):
    return leb(len(items)) + b"".join(items)


def name(s):
    return leb(len(s)) + s.encode()
