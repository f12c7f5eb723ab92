"""Messages of every shape, with CR LF line ends and as they are meant: dots not doubled."""

import random
import zlib


def header(subject, sender="sender@example.net", recipient="box@example.org"):
    return (f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n"
            f"Date: Tue, 04 Nov 2025 10:00:00 +0000\r\nMessage-ID: <{zlib.crc32(subject.encode()):08x}@example.net>\r\n\r\n").encode()


def plain(subject="plain", body="Hello.\r\n"):
    return header(subject) + body.encode()


def of_size(size, subject="size"):
    """Exactly that many bytes, CR LF included, in lines of 78 bytes."""
    text = header(subject)
    line = b"0123456789" * 7 + b"abcdef\r\n"
    text += line * ((size - len(text)) // len(line))
    missing = size - len(text)
    if 0 < missing < 2:
        text, missing = text[:-2] + b"x\r\n", 0
    return text + (b"y" * (missing - 2) + b"\r\n" if missing else b"")


def eight_bit():
    """Every byte but CR, LF and NUL, in an order that repeats nothing, and UTF-8."""
    source = random.Random(8)
    every = [bytes([value]) for value in range(1, 256) if value not in (10, 13)]
    lines = [header("8 bit")]
    for _ in range(20):
        source.shuffle(every)
        lines.append(b"".join(every) + b"\r\n")
    lines.append("Grüße aus Zürich, 日本語\r\n".encode())
    return b"".join(lines)


def corpus():
    """[(name, message, has 8-bit bytes)]"""
    words = random.Random(11)
    many_lines = b"".join(b"line %d %s\r\n" % (number, b"word " * words.randrange(0, 12)) for number in range(10_000))
    return [
        ("plain", plain(), False),
        ("empty", b"", False),
        ("one byte", b"x", False),
        ("one empty line", b"\r\n", False),
        ("one dot", b".\r\n", False),
        ("dots only", header("dots") + b".\r\n..\r\n...\r\n.\r\n.x\r\n. \r\n" + b".\r\n" * 200, False),
        ("a dot at the end of each line", header("dots at the end") + b"a.\r\n.a.\r\n" * 50, False),
        ("10,000 lines", header("lines") + many_lines, False),
        ("8 bit", eight_bit(), True),
        ("NUL", header("nul") + b"a\0b\r\n\0\r\n\0\0\0\r\nend\r\n", False),
        ("headers only", header("headers only")[:-2], False),
        ("headers and the empty line", header("empty body"), False),
        ("no header", b"This is no header field\r\nand neither is this.\r\n", False),
        ("long header", header("long")[:-2] + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\nbody\r\n", False),
        ("many headers", b"".join(b"X-Number-%d: %d\r\n" % (number, number) for number in range(500)) + b"\r\nbody\r\n", False),
        ("lines of 998 and 999 bytes", header("998") + b"a" * 998 + b"\r\n" + b"b" * 999 + b"\r\nend\r\n", False),
        ("a line of 100,000 bytes", header("long line") + b"c" * 100_000 + b"\r\nend\r\n", False),
        ("empty lines", header("empty lines") + b"\r\n" * 1000, False),
        ("blanks at the ends of lines", header("blanks") + b" \r\n\t\r\n a \r\n  \r\n" * 20, False),
        ("From at the start of a line", header("From") + b"From me\r\n>From you\r\nfrom us\r\n", False),
    ]
