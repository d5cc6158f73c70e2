#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our TOML reader against Python's: the same documents are accepted, with the
same values. Documents: hand-written ones, good and bad, and every cut and
thousands of small changes of them (seeded, so that a failure comes back)."""
import datetime
import json
import math
import os
import random
import subprocess
import sys

try:
    import tomllib
except ImportError:
    print("1..0 # SKIP no tomllib: Python older than 3.11")
    sys.exit(0)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TOOL = os.path.join(ROOT, "build/tests/toml_dump/toml_dump")

GOOD = [
    '', '\n', '# only a comment', '# no end of line\r\n', 'a = 1', 'a=1\r\nb=2\r\n',
    '"" = 1\n', "'' = 2", '"a b" = 1\n\'c.d\' = 2\n1234 = 3\n-_- = 4',
    'a.b.c = 1\na.b.d = 2\na . "x y" = 3', '3.14159 = "pi"',
    's = "\\b\\t\\n\\f\\r\\"\\\\ \\u00e9 \\U0001F600"', "l = 'C:\\x\\'",
    'm = """\nRoses\nare """', 'm = """a \\\n   b\\   \n\n  c"""', 'm = """\r\na\r\nb"""',
    'q = """""two quotes"""""', 'q = """a""b"""', "q = ''''one''''", "q = '''\n\\n'''",
    'q = """\\"""a"""', 'tab = "\t"', 'e = ""\ne2 = \'\'\ne3 = """"""\ne4 = \'\'\'\'\'\'',
    'z = "\\u0000"', 'u = "é☃😀"', '# é ☃', '"é" = 1',
    'i = [1, +99, 42, 0, -17, 1_000, 5_349_221, 1_2_3_4_5, +0, -0]',
    'i = [0xDEADBEEF, 0xdead_beef, 0o01234567, 0b1101_0110, 0x0, 0x00ff]',
    'i = [9223372036854775807, -9223372036854775808, 0x7fffffffffffffff]',
    'f = [1.0, 3.1415, -0.01, 5e+22, 1e06, -2E-2, 6.626e-34, 224_617.445_991_228, 1.5e-3, 0e0, -0.0, 0.1]',
    'f = [inf, +inf, -inf, nan, +nan, -nan, 1e400]', 'b = [true, false]',
    'd = [1979-05-27T07:32:00Z, 1979-05-27T00:32:00-07:00, 1979-05-27T00:32:00.999999-07:00, 1979-05-27 07:32:00Z]',
    'd = [1979-05-27T07:32:00, 1979-05-27t00:32:00.5, 1979-05-27, 07:32:00, 00:32:00.999]',
    'd = 2024-02-29 # leap', 'd = 2000-02-29', 'd = 1979-05-27 # x', 'd = 1979-05-27 \n',
    'a = [[1, 2], ["a", "b"], [], [[]], {x = 1}, 1.5]', 'a = [\n1, # one\n2,\n]', 'a = [ # c\n]',
    'a = [1,2,]', 'p = { x = 1, y.z = 2, "q r" = { } }', 'p = {a = [ # in\n 1\n]}', 'p = {}',
    'p = {a.b = 1, a.c = 2}',
    '[a]\nx = 1\n[b]\nx = 2', '[a.b.c]\nz = 9\n[a]\nx = 1', '[ a . "b c" . \'d\' ]\nx = 1', '[a] # c\n[b]',
    '[a.b]\n[a]\n', '[a]\nb.c = 1\n[a.d]', '[fruit]\napple.color = 1\napple.taste.sweet = true\n[fruit.apple.texture]\nx = 1',
    '[a.b.c]\nz = 9\n[a]\nb.d = 1', '[x.y.z.w]\n[x]', '[[p]]\nname = "a"\n[[p]]\n[[p]]\nname = "b"',
    '[[f]]\n[f.p]\nx = 1\n[[f.v]]\ny = 1\n[[f.v]]\n[[f]]\n[[f.v]]', '[[a.b]]\nx = 1\n[a]\ny = 2', '[[ a . b ]]',
    'a = 1\n[b]\n[c]', '[a]\n[a.b]\n[[a.c]]\n[[a.c.d]]', '[""]\nx = 1', 'inf = 1\nnan = 2\ntrue = 3',
    '[t.a.z]\n[t]\na.b = 1\n[t.a.y]', 'a = "x" # c\nb = 1',
    '''schema = 1
name = "prod"
[development]
allow = false
[keep]
measurement = [ { tee = "snp", sha384 = "5e1c" }, { tee = "sgx", mrenclave = "00" } ]
[snp]
min-tcb = { bootloader = 4, tee = 0, snp = 27, microcode = 0x1b }
smt = false
[session]
suites = [0x0002, 0x0001]
''',
    '''[[files]]
kind = "stdin"
[[files]]
kind = "listen"
port = 8443
[program]
env = { LANG = "C.UTF-8" }
''',
]
BAD = [
    'a', 'a =', '= 1', 'a = 1 b = 2', 'a = 1\na = 2', 'a = 1\n"a" = 2', 'a b = 1', 'a = = 1', 'a..b = 1', '.a = 1', 'a. = 1',
    'a = 1 2', 'a = "x', "a = 'x", 'a = """x', 'a = "x\ny"', "a = 'x\ny'", 'a = "\\x"', 'a = "\\e"', 'a = "\\u12"', 'a = "\\ud800"',
    'a = "\\U00110000"', 'a = """x\\ y"""', 'a = """""""""', 'a = "\x01"', 'a = "\x7f"', "a = '\x00'", '# \x01', '# \x7f', 'a = 1\r', '# c\rx = 1',
    'a = "\r"', 'a = """\r"""', 'a = 01', 'a = -01', 'a = 0_1', 'a = 1__0', 'a = _1', 'a = 1_', 'a = 0x', 'a = +0x1', 'a = 0x_1', 'a = 0o8', 'a = 0b2', 'a = 0X1',
    'a = 1.', 'a = .1', 'a = 1.e1', 'a = 1e', 'a = 1._1', 'a = 1_.1', 'a = 1e_1', 'a = +', 'a = --1', 'a = Inf', 'a = NaN', 'a = True', 'a = tru', 'a = truex', 'a = 1 .5',
    'd = 1979-02-30', 'd = 1979-13-01', 'd = 1979-00-01', 'd = 1979-01-32', 'd = 2023-02-29', 'd = 1900-02-29', 'd = 1979-5-27', 'd = 24:00:00', 'd = 07:60:00', 'd = 07:32', 'd = 07:32:61',
    'd = 1979-05-27T', 'd = 1979-05-27T07:32:00+25:00', 'd = 1979-05-27T07:32:00+07', 'd = 1979-05-27T07:32:00.', 'd = 1979-05-27x', 'd = 1979-05-27 07:32', 'd = 07:32:00Z', 'd = 1979-05-27  07:32:00',
    'a = [1', 'a = [1 2]', 'a = [,]', 'a = [1,,2]', 'a = ]', 'a = {', 'a = {x = 1', 'a = {x = 1,}', 'a = {x = 1\n}', 'a = {x = 1 y = 2}', 'a = {x = 1, x = 2}', 'a = {,}', 'a = {x}',
    'a = {x = 1}\na.y = 2', 'a = {x = 1}\n[a]', 'a = {x = 1}\n[a.b]', 'a = {b = {}}\n[a.b]', 'a = {a.b = 1, a = 2}', 'a = {b = {x = 1}, b.y = 2}', 'a = {b.x = 1, b = {}}',
    '[a', '[a]]', '[]', '[a.]', '[.a]', '[a]\n[a]', '[a] b = 1', '[a b]', '[[a]', '[[a] ]', '[ [a]]', '[[]]', '[a]\nx = 1\n[a.x]', '[a]\nb = 1\n[a.b.c]', 'a = 1\n[a]', 'a = 1\n[[a]]',
    'a = []\n[[a]]', 'a = [{}]\n[a.b]', '[a]\n[[a]]', '[[a]]\n[a]', '[a.b]\n[[a]]', '[[a.b]]\n[a.b]', '[[x.a]]\n[x]\na.b = 1', '[fruit]\napple.color = 1\n[fruit.apple]',
    '[fruit]\napple.taste.sweet = true\n[fruit.apple.taste]', '[a.b.c]\nz = 9\n[a]\nb.c.t = 1', '[a.b.c.d]\nz = 9\n[a]\nb.c.d.k.t = 1', '[a.b.c]\n[a]\nb.d = 1\n[a.b]', 'a.b = 1\n[a]', 'a.b = 1\na = 2', 'a = 1\na.b = 2',
    'a.b = 1\na.b.c = 2', '"""a""" = 1', "'''a''' = 1", 'a\nb = 1', '"a\n" = 1', 'a = \n1', 'a =\n', 'é = 1', '\ufeffa = 1', 'a = "', 'a = """"', "a = '''", 'a = é', 'a = 1 # \x1f', 'a, b = 1', '[a]\nb.c = 1\nb = 2', '{a = 1}', 'a = "x"y',
    '[[a.b]]\n[[a]]', '[a]\nb = [{c = 1}]\n[[a.b]]', 'a = [{x.y = 1}]\na.b = 2',
]
RAW_BAD = [b'a = "\xff"', b'# \xc0\x80', b'a = "\xed\xa0\x80"', b'a = "\xf4\x90\x80\x80"', b'a = "\xe2\x82"', b'\xff\xfea', b'a = "\xf0\x80\x80\x80"', b"'\x80' = 1"]


def typed(v):
    if isinstance(v, bool):
        return {"type": "bool", "value": "true" if v else "false"}
    if isinstance(v, int):
        return {"type": "integer", "value": str(v)}
    if isinstance(v, float):
        return {"type": "float", "value": v}
    if isinstance(v, str):
        return {"type": "string", "value": v}
    if isinstance(v, list):
        return [typed(x) for x in v]
    if isinstance(v, dict):
        return {k: typed(x) for k, x in v.items()}
    return {"type": "datetime", "value": v}


def same(ours, theirs):
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if not isinstance(theirs, dict) or not isinstance(ours, dict) or ours.keys() != theirs.keys():
        return False
    if theirs.get("type") == "float" and isinstance(theirs["value"], float):
        a, b = float(ours["value"]), theirs["value"]
        return ours["type"] == "float" and ((math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b)))
    if theirs.get("type") == "datetime" and not isinstance(theirs["value"], (dict, list, str)):
        return ours["type"] == "datetime" and tomllib.loads("d = " + ours["value"])["d"] == theirs["value"]
    return all(same(ours[k], theirs[k]) if isinstance(theirs[k], (dict, list)) else ours[k] == theirs[k] for k in theirs)


def big(v):
    """An integer that only Python can hold."""
    if isinstance(v, dict):
        return any(map(big, v.values()))
    if isinstance(v, list):
        return any(map(big, v))
    return isinstance(v, int) and not -2**63 <= v < 2**63


def oracle(raw):
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return None


def ask(docs):
    feed = b"".join(b"%d\n" % len(d) + d for d in docs)
    out = subprocess.run([TOOL], input=feed, stdout=subprocess.PIPE, check=True).stdout
    lines = out.decode("utf-8").split("\n")[:-1]
    assert len(lines) == len(docs), "the tool ended early"
    return [json.loads(x) for x in lines]


def differs(raw, ours):
    theirs = oracle(raw)
    if theirs is None:
        return None if "error" in ours else "we accept what Python refuses"
    if "error" in ours:
        return None if big(theirs) else "we refuse what Python accepts: " + ours["error"]
    return None if same(ours["document"], typed(theirs)) else "values differ"


def mutants(docs, count):
    rng = random.Random(20)
    pieces = [b"\n", b"[", b"]", b"[[", b"]]", b"{", b"}", b"=", b".", b",", b'"', b"'", b'"""', b"'''", b"#", b"\\", b"\r\n", b"\r", b" ",
              b"a", b"0", b"1", b"_", b"-", b"+", b":", b"e", b"x", b"T", b"a = 1\n", b"[a]\n", b"[[a]]\n", b"a.b = 1\n", b"\\u0041", b"\x00", b"\xc3", b"inf"]
    for _ in range(count):
        d = bytearray(rng.choice(docs))
        if rng.random() < 0.3:
            d += b"\n" + rng.choice(docs)
        for _ in range(rng.randint(1, 3)):
            at = rng.randint(0, len(d))
            kind = rng.random()
            if kind < 0.3:
                del d[at:at + rng.randint(1, 3)]
            elif kind < 0.8:
                d[at:at] = rng.choice(pieces)
            elif d:
                d[min(at, len(d) - 1)] = rng.choice(b"\n\t \"'[]{}=.,#\\0129aezT:-+_\x7f")
        yield bytes(d)


def main():
    good = [d.encode() for d in GOOD]
    bad = [d.encode() for d in BAD] + RAW_BAD
    groups = [
        ("good documents are read as Python reads them", good, True),
        ("bad documents are refused as Python refuses them", bad, False),
        ("every cut of a good document is judged as Python judges it", [d[:i] for d in good for i in range(len(d))], None),
        ("changed documents are judged as Python judges them", list(mutants(good + bad, int(os.environ.get("TOML_MUTANTS", "20000")))), None),
    ]
    fails = 0
    for n, (name, docs, want) in enumerate(groups, 1):
        wrong = []
        for raw, ours in zip(docs, ask(docs)):
            why = differs(raw, ours)
            if why is None and want is not None and ("error" not in ours) != want:
                why = "accepted" if not want else "refused: " + ours["error"]
            if why is None and "error" in ours and (ours["line"] < 1 or ours["line"] > raw.count(b"\n") + 1 or ours["col"] < 1):
                why = "an impossible place, %d:%d" % (ours["line"], ours["col"])
            if why is not None:
                wrong.append((raw, why))
        for raw, why in wrong[:10]:
            print("# %r: %s" % (raw, why))
        print("%s %d - %s (%d documents)" % ("not ok" if wrong else "ok", n, name, len(docs)))
        fails += bool(wrong)
    print("1..%d" % len(groups))
    return 1 if fails else 0


sys.exit(main())
