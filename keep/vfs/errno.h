// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Errors of the file system and of WASI: the numbers of preview 1 (only those
 * that this code gives). Success is 0.
 */
enum dj_errno {
	DJ_ESUCCESS = 0,
	DJ_EACCES = 2,
	DJ_EAGAIN = 6,
	DJ_EBADF = 8,
	DJ_EBUSY = 10,
	DJ_EEXIST = 20,
	DJ_EFAULT = 21,
	DJ_EFBIG = 22,
	DJ_EILSEQ = 25,
	DJ_EINVAL = 28,
	DJ_EIO = 29,
	DJ_EISDIR = 31,
	DJ_ELOOP = 32,
	DJ_EMFILE = 33,
	DJ_EMLINK = 34,
	DJ_ENAMETOOLONG = 37,
	DJ_ENOENT = 44,
	DJ_ENOSPC = 51,
	DJ_ENOSYS = 52,
	DJ_ENOTDIR = 54,
	DJ_ENOTEMPTY = 55,
	DJ_ENOTSOCK = 57,
	DJ_ENOTSUP = 58,
	DJ_EOVERFLOW = 61,
	DJ_EPERM = 63,
	DJ_EROFS = 69,
	DJ_ESPIPE = 70,
	DJ_EXDEV = 75,
	DJ_ENOTCAPABLE = 76,
};
