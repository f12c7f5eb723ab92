"""A child that may not make one system call: as containers' seccomp profiles and sysctls forbid io_uring."""

import ctypes
import errno
import struct

IO_URING_SETUP = 425

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
ERRNO = 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def forbid(system_call, error=errno.EPERM):
    """For the child between fork and exec (preexec_fn): from there on `system_call` fails with `error`."""
    instructions = [
        (0x20, 0, 0, 0),                # load the number of the call
        (0x15, 0, 1, system_call),      # equal?
        (0x06, 0, 0, ERRNO | error),
        (0x06, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in instructions))
    program = Program(len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
       libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
