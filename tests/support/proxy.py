"""PROXY headers made by hand: version 1 is text, version 2 is binary."""

import socket
import struct

MARK = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = ("192.0.2.44", 40044)
TARGET = ("198.51.100.7", 25)


def v1(client=CLIENT, target=TARGET):
    protocol = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {protocol} {client[0]} {target[0]} {client[1]} {target[1]}\r\n".encode()


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2_raw(command, family, block):
    return MARK + struct.pack(">BBH", command, family, len(block)) + block


def v2(client=CLIENT, target=TARGET, tlvs=b""):
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    ends = b"".join(socket.inet_pton(family, end[0]) for end in (client, target)) + struct.pack(">HH", client[1], target[1])
    return v2_raw(0x21, 0x21 if family == socket.AF_INET6 else 0x11, ends + tlvs)


LOCAL = v2_raw(0x20, 0x00, b"")
