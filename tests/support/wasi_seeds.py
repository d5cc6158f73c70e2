#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""wasi_seeds.py: makes fuzz/seeds/wasi/ again: sequences of calls that do
something, in the form of fuzz/fuzz_wasi.c. An input is calls (function, which
interface, three bytes an argument) and lies at address 0 of the memory, so
what pointers lead to stands behind the calls."""
import os
import struct

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FUNCTIONS = """args_get ii args_sizes_get ii environ_get ii environ_sizes_get ii
clock_res_get ii clock_time_get iIi
fd_close i fd_fdstat_get ii fd_fdstat_set_flags ii fd_fdstat_set_rights iII
fd_filestat_get ii fd_filestat_set_size iI fd_filestat_set_times iIIi fd_renumber ii
fd_advise iIIi fd_allocate iII fd_datasync i fd_pread iiiIi fd_pwrite iiiIi fd_read iiii
fd_seek iIii fd_sync i fd_tell ii fd_write iiii
fd_prestat_dir_name iii fd_prestat_get ii fd_readdir iiiIi
path_create_directory iii path_filestat_get iiiii path_filestat_set_times iiiiIIi
path_link iiiiiii path_open iiiiiIIii path_readlink iiiiii path_remove_directory iii
path_rename iiiiii path_symlink iiiii path_unlink_file iii
poll_oneoff iiii proc_exit i proc_raise i sched_yield - random_get ii
sock_accept iii sock_recv iiiiii sock_send iiiii sock_shutdown ii""".split()
NAMES = FUNCTIONS[::2]
PARAMS = [p.strip("-") for p in FUNCTIONS[1::2]]
ALL = "all"  # every bit
OUT = 40000  # where results go
BUF = 50000


class Data:
    def __init__(self, raw):
        self.raw = raw


def iov(*parts):
    return Data(b"".join(struct.pack("<II", p, n) for p, n in parts))


def clock(user, which, ns, flags=0):
    return struct.pack("<QB7xI4xQQHxxxxxx", user, 0, which, ns, 0, flags)


def stream(user, kind, fd):
    return struct.pack("<QB7xI28x", user, kind, fd)


def seed(*calls, old=False):
    """A str argument is two: pointer and length; a Data is its pointer."""
    def width(args):
        return sum(2 if isinstance(a, str) and a != ALL else 1 for a in args)
    for name, *args in calls:
        assert width(args) == len(PARAMS[NAMES.index(name)]), name
    at = sum(2 + 3 * width(args) for _, *args in calls)
    code, data = b"", b""
    for name, *args in calls:
        code += bytes([NAMES.index(name), 1 if old else 0])
        for a in args:
            if a == ALL:
                code += b"\4\0\0"
                continue
            if isinstance(a, (str, Data)):
                raw = a.encode() if isinstance(a, str) else a.raw
                code += b"\2" + struct.pack("<H", at + len(data))
                data += raw
                if isinstance(a, str):
                    code += b"\2" + struct.pack("<H", len(raw))
                continue
            code += b"\2" + struct.pack("<H", a)
    return code + data


def opened(path, how=1, fd=3, flags=0):
    return ("path_open", fd, 1, path, how, ALL, 0, flags, OUT)


files = [opened("f"), ("fd_write", 8, iov((0, 300), (BUF, 0), (20, 7)), 3, OUT),
         ("fd_pwrite", 8, iov((5, 100)), 1, 5000, OUT), ("fd_seek", 8, 3, 0, OUT), ("fd_tell", 8, OUT),
         ("fd_read", 8, iov((BUF, 10), (BUF + 20, 4000)), 2, OUT), ("fd_pread", 8, iov((BUF, 200)), 1, 4990, OUT),
         ("fd_filestat_get", 8, OUT), ("fd_fdstat_get", 8, OUT), ("fd_filestat_set_size", 8, 4100),
         ("fd_filestat_set_size", 8, 9000), ("fd_allocate", 8, 8000, 9000), ("fd_advise", 8, 0, 0, 3),
         ("fd_filestat_set_times", 8, 5, 6, 5), ("fd_sync", 8), ("fd_datasync", 8), opened("f", 9), ("fd_close", 8),
         opened("f", 0, flags=1), ("fd_write", 8, iov((0, 30)), 1, OUT), ("fd_renumber", 8, 0),
         ("fd_fdstat_set_rights", 0, 2, 0), ("fd_fdstat_set_flags", 0, 4)]
names = [("path_create_directory", 3, "d"), ("path_create_directory", 3, "d/e"), opened("d/f"),
         ("path_link", 3, 0, "d/f", 3, "g"), ("path_symlink", "../g", 3, "d/l"), ("path_symlink", "..", 3, "up"),
         ("path_readlink", 3, "d/l", BUF, 64, OUT), ("path_filestat_get", 3, 1, "d/l", OUT), opened("up/x"),
         opened("d", 2), ("fd_readdir", 9, BUF, 60, 0, OUT), ("fd_readdir", 3, BUF, 4000, 2, OUT),
         ("path_rename", 3, "d", 3, "moved"), ("path_rename", 3, "g", 3, "moved/f"), ("path_rename", 3, "moved", 3, "moved/e/x"),
         ("path_filestat_set_times", 3, 0, "moved", 0, 7, 4), ("path_unlink_file", 3, "moved/f"),
         ("path_remove_directory", 3, "moved/e"), ("path_rename", 3, "up", 4, "up"), ("fd_readdir", 9, BUF, 4000, 0, OUT)]
overlay = [opened("d/f", 0, 6), ("fd_pwrite", 8, iov((0, 9)), 1, 4, OUT), ("fd_pread", 8, iov((BUF, 64)), 1, 0, OUT),
           ("path_unlink_file", 6, "l"), ("path_rename", 6, "d", 6, "e"), ("path_symlink", "e/f", 6, "l"),
           opened("d/up", 0, 6), opened("out", 0, 6), opened("loop", 0, 6), opened("z", 8, 6), opened("d/f", 0, 5),
           opened("new", 1, 5), ("path_open", 5, 1, "d/up", 0, 2, 0, 0, OUT), ("fd_readdir", 6, BUF, 900, 0, OUT)]
streams = [("fd_write", 1, iov((0, 40)), 1, OUT), ("fd_read", 0, iov((BUF, 40), (BUF + 40, 9)), 2, OUT),
           ("path_open", 7, 0, "in", 0, 2, 0, 0, OUT), ("path_open", 7, 0, "out", 0, 64, 0, 0, OUT),
           ("path_open", 7, 0, "both", 9, 66, 0, 4, OUT), ("fd_read", 8, iov((BUF, 40)), 1, OUT),
           ("fd_write", 9, iov((0, 40)), 1, OUT), ("fd_write", 10, iov((0, 40)), 1, OUT), ("fd_read", 10, iov((BUF, 7)), 1, OUT),
           ("path_unlink_file", 7, "in"), ("path_rename", 7, "out", 3, "out"), ("fd_filestat_get", 9, OUT),
           ("fd_readdir", 7, BUF, 300, 0, OUT), ("fd_seek", 8, 0, 0, OUT)]
polls = [("poll_oneoff", Data(clock(1, 1, 500) + clock(2, 0, 90, 1) + stream(3, 1, 0) + stream(4, 2, 1) + stream(5, 1, 99)), BUF, 5, OUT),
         ("poll_oneoff", Data(clock(1, 1, 500)), BUF, 1, OUT), ("poll_oneoff", Data(clock(1, 7, 500)), BUF, 1, OUT)]
start = [("args_sizes_get", OUT, OUT + 4), ("args_get", OUT, BUF), ("environ_sizes_get", OUT, OUT + 4), ("environ_get", OUT, BUF),
         ("clock_res_get", 0, OUT), ("clock_time_get", 1, 0, OUT), ("clock_time_get", 3, 0, OUT), ("random_get", BUF, 99),
         ("fd_prestat_get", 3, OUT), ("fd_prestat_dir_name", 7, BUF, 7), ("sched_yield",), ("proc_raise", 9),
         ("sock_accept", 3, 0, OUT), ("sock_recv", 0, 0, 0, 0, OUT, OUT), ("sock_send", 0, 0, 0, 0, OUT), ("sock_shutdown", 0, 0),
         ("proc_exit", 3)]
# What begins in the memory and does not end there.
edges = [opened("f"), ("fd_write", 8, iov((0, 9000)), 1, OUT), ("fd_seek", 8, 0, 0, OUT),
         ("fd_write", 1, iov((65000, 1000)), 1, OUT), ("fd_write", 8, iov((0, 1), (65535, 2)), 2, OUT),
         ("fd_read", 8, iov((60000, 9000)), 1, OUT), ("fd_read", 0, iov((65000, 0xffffffff)), 1, OUT),
         ("fd_pread", 8, iov((65535, 4097)), 1, 0, OUT), ("fd_read", 8, 65530, 2, OUT), ("random_get", 65000, 1000),
         ("fd_readdir", 3, 65500, 100, 0, OUT), ("path_open", 3, 0, 65500, 100, 0, 0, 0, 0, OUT), ("args_get", 65533, BUF),
         ("fd_filestat_get", 8, 65500), ("poll_oneoff", 65500, BUF, 1, OUT), ("fd_tell", 8, 65532)]

if __name__ == "__main__":
    folder = os.path.join(HERE, "fuzz", "seeds", "wasi")
    for name in ("files", "names", "overlay", "streams", "polls", "start", "edges"):
        for old in (False, True):
            with open(os.path.join(folder, name + ("-old" if old else "")), "wb") as f:
                f.write(seed(*globals()[name], old=old))
