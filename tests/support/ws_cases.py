# SPDX-License-Identifier: MIT
"""What a WebSocket server must do with 301 kinds of traffic, numbered as in the widely used Autobahn suite so that its
published reports can be compared, and with some more of our own (X.*). CASES maps each id to a function of a Session;
it raises Failed, or returns None or NON_STRICT. run() goes through all of them.

Nothing here waits for a time to pass: where that suite sleeps and looks, these cases wait for what has to come."""

import collections
import concurrent.futures
import struct
import subprocess
import tempfile

from ws_peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Failed, Peer, brief, fragments, frame

OK, NON_STRICT, FAIL = "OK", "NON-STRICT", "FAIL"
PROTOCOL_ERROR, BAD_DATA = 1002, 1007
HELLO = b"Hello, world!"
# Greek "kosme", each letter of two or three bytes.
GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()

CASES = {}
Verdict = collections.namedtuple("Verdict", "id verdict why")


class Session:
    """What a case gets: how to connect, and how long a server may take to find invalid UTF-8 in a message that has not
    ended yet."""

    def __init__(self, url, patience, fail_fast_s):
        self.url, self.patience, self.fail_fast_s = url, patience, fail_fast_s

    def connect(self, **options):
        return Peer(self.url, self.patience, **options)


def add(case_id, function, *values):
    assert case_id not in CASES, case_id
    CASES[case_id] = lambda session: function(session, *values)


# ---- what most cases are made of

def echo(session, opcode, payload, chop=None, fragment=None):
    """A message comes back."""
    with session.connect() as peer:
        if fragment:
            peer.send_raw(b"".join(fragments(opcode, payload, fragment)))
        else:
            peer.send(opcode, payload, chop=chop)
        peer.expect(opcode, payload)
        peer.close()


def parts(session, sent, expected, framewise=False, chop=None):
    """Legal frames, (opcode, fin, payload) each, and what they are answered with."""
    with session.connect() as peer:
        send_frames(peer, sent, framewise, chop)
        for opcode, payload in expected:
            peer.expect(opcode, payload)
        peer.close()


def send_frames(peer, sent, framewise, chop):
    """All in one write, or a write for each, or `chop` bytes a write."""
    frames = [frame(opcode, payload, fin=fin) for opcode, fin, payload in sent]
    for data in frames if framewise else [b"".join(frames)]:
        peer.send_raw(data, chop)


def refused(session, sent, codes, echoed=None, chop=None, framewise=False):
    """The connection ends with one of these codes, after `echoed`, a text that was good, has come back."""
    with session.connect() as peer:
        for data in sent if framewise else [b"".join(sent)]:
            peer.send_raw(data, chop)
        if echoed is not None:
            peer.expect(TEXT, echoed)
        peer.expect_failed(*codes)


# ---- 1: messages of lengths at which the header changes

def add_framing():
    for group, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for index, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
            add(f"1.{group}.{index}", echo, opcode, byte * size)
        add(f"1.{group}.8", echo, opcode, byte * 65536, 997)


# ---- 2: pings and pongs

def ten_pings(session, chop):
    with session.connect() as peer:
        for index in range(10):
            peer.send(PING, b"payload-%d" % index, chop=chop)
        for index in range(10):
            peer.expect(PONG, b"payload-%d" % index)
        peer.close()


def add_pings():
    for index, payload in enumerate((b"", HELLO, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125), 1):
        add(f"2.{index}", parts, [(PING, True, payload)], [(PONG, payload)])
    add("2.5", refused, [frame(PING, b"\xfe" * 126)], (PROTOCOL_ERROR,))
    add("2.6", parts, [(PING, True, b"\xfe" * 125)], [(PONG, b"\xfe" * 125)], False, 1)
    unasked = (PONG, True, b"unsolicited pong payload")
    add("2.7", parts, [(PONG, True, b"")], [])
    add("2.8", parts, [unasked], [])
    add("2.9", parts, [unasked, (PING, True, b"ping payload")], [(PONG, b"ping payload")])
    add("2.10", ten_pings, None)
    add("2.11", ten_pings, 1)


# ---- 3 and 4: reserved bits and opcodes

def add_reserved():
    good = frame(TEXT, HELLO)
    add("3.1", refused, [frame(TEXT, HELLO, rsv=1)], (PROTOCOL_ERROR,))
    for index, rsv, framewise, chop in ((2, 2, False, None), (3, 3, True, None), (4, 4, False, 1)):
        add(f"3.{index}", refused, [good, frame(TEXT, HELLO, rsv=rsv), frame(PING)], (PROTOCOL_ERROR,), HELLO, chop,
            framewise)
    add("3.5", refused, [frame(BINARY, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", rsv=5)], (PROTOCOL_ERROR,))
    add("3.6", refused, [frame(PING, HELLO, rsv=6)], (PROTOCOL_ERROR,))
    add("3.7", refused, [frame(CLOSE, rsv=7)], (PROTOCOL_ERROR,))
    for group, first in ((1, 3), (2, 11)):
        for index in range(5):
            payload = (b"", b"reserved opcode payload", b"", HELLO, HELLO)[index]
            bad = frame(first + index, payload)
            sent, echoed = ([bad], None) if index < 2 else ([good, bad, frame(PING)], HELLO)
            add(f"4.{group}.{index + 1}", refused, sent, (PROTOCOL_ERROR,), echoed, 1 if index == 4 else None)


# ---- 5: fragments

def slow_fragments(session, framewise):
    """Each ping is answered before the message that it stands in has ended."""
    texts = [b"fragment%d" % index for index in range(1, 6)]
    with session.connect() as peer:
        send_frames(peer, [(TEXT, False, texts[0]), (CONTINUATION, False, texts[1]), (PING, True, b"pongme 1!")],
                    framewise, None)
        peer.expect(PONG, b"pongme 1!")
        send_frames(peer, [(CONTINUATION, False, texts[2]), (CONTINUATION, False, texts[3]),
                           (PING, True, b"pongme 2!")], framewise, None)
        peer.expect(PONG, b"pongme 2!")
        peer.send(CONTINUATION, texts[4])
        peer.expect(TEXT, b"".join(texts))
        peer.close()


# How the three cases of each kind are sent: in one write, a write for each frame, one for each byte.
WRITES = ((False, None), (True, None), (False, 1))


def add_fragments():
    one, two, three, four = (b"fragment%d" % index for index in range(1, 5))
    for index, opcode in ((1, PING), (2, PONG)):
        add(f"5.{index}", refused, [frame(opcode, one, fin=False), frame(CONTINUATION, two)], (PROTOCOL_ERROR,))
    begin, finish = (TEXT, False, one), (CONTINUATION, True, two)
    for index, (framewise, chop) in enumerate(WRITES):
        add(f"5.{3 + index}", parts, [begin, finish], [(TEXT, one + two)], framewise, chop)
        add(f"5.{6 + index}", parts, [begin, (PING, True, b"ping payload"), finish],
            [(PONG, b"ping payload"), (TEXT, one + two)], framewise, chop)
        for first, fin in ((9, True), (12, False)):
            stray = frame(CONTINUATION, b"non-continuation payload", fin=fin)
            add(f"5.{first + index}", refused, [stray, frame(TEXT, HELLO)], (PROTOCOL_ERROR,), None, chop, framewise)
    add("5.15", refused, [frame(TEXT, one, fin=False), frame(CONTINUATION, two), frame(CONTINUATION, three, fin=False),
                          frame(TEXT, four)], (PROTOCOL_ERROR,), one + two)
    for index, fin in ((16, False), (17, True)):
        add(f"5.{index}", refused, 2 * [frame(CONTINUATION, one, fin=fin), frame(TEXT, two, fin=False),
                                        frame(CONTINUATION, three)], (PROTOCOL_ERROR,))
    add("5.18", refused, [frame(TEXT, one, fin=False), frame(TEXT, two)], (PROTOCOL_ERROR,))
    add("5.19", slow_fragments, False)
    add("5.20", slow_fragments, True)


# ---- 6: UTF-8

def fail_fast(session, pieces, in_one_frame):
    """The second of three pieces makes the text invalid: it is refused without the third. NON_STRICT where the server
    waits for the end of the message."""
    with session.connect() as peer:
        if in_one_frame:
            whole = frame(TEXT, b"".join(pieces))
            header = len(whole) - sum(map(len, pieces))
            cuts = [0, header + len(pieces[0]), header + len(pieces[0] + pieces[1]), len(whole)]
            sent = [whole[start:end] for start, end in zip(cuts, cuts[1:])]
        else:
            sent = [frame(TEXT, pieces[0], fin=False), frame(CONTINUATION, pieces[1], fin=False),
                    frame(CONTINUATION, pieces[2])]
        peer.send_raw(sent[0])
        if not peer.is_silent(0.05):
            raise Failed("refused before it was wrong")
        peer.send_raw(sent[1])
        if not peer.is_silent(session.fail_fast_s):
            peer.expect_failed(BAD_DATA)
            return OK
        peer.send_raw(sent[2])
        peer.expect_failed(BAD_DATA)
        return NON_STRICT


def invalid(session, payload, fragment=None):
    refused(session, list(fragments(TEXT, payload, fragment)) if fragment else [frame(TEXT, payload)], (BAD_DATA,))


def utf8_groups():
    """Groups 6.5 to 6.23, after Markus Kuhn's UTF-8 decoder stress test."""
    starts = [(0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd)]
    cut_short = ["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"]
    planes = [bytes((z1, z2, 0xbf, z3)) for z1 in range(0xf0, 0xf5) for z2 in (0x8f, 0x9f, 0xaf, 0xbf)
              for z3 in (0xbe, 0xbf) if (z1, z2) != (0xf0, 0x8f) and (z1 != 0xf4 or z2 == 0x8f)]
    yield [b"hello$world", "hello¢world".encode(), "hello€world".encode(), "hello\U00024b62world".encode(), GREEK]
    yield [GREEK[:size] for size in range(1, len(GREEK) + 1)]
    yield from (list(map(bytes.fromhex, group.split())) for group in (
        "00 c280 e0a080 f0908080", # the first of each length
        "f888808080 fc8480808080",
        "7f dfbf efbfbf f48fbfbf", # and the last
        "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf",
        "ed9fbf ee8080 efbfbd f48fbfbf f4908080"))
    yield [bytes.fromhex(text) for text in ("80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf")] + [
        bytes(range(0x80, 0xbf))]
    yield [b"".join(bytes((byte, 0x20)) for byte in range(*span)) for span in starts]
    yield list(map(bytes.fromhex, cut_short))
    yield [bytes.fromhex("".join(cut_short))]
    yield from (list(map(bytes.fromhex, group.split())) for group in (
        "fe ff fefeffff",
        "c0af e080af f08080af f8808080af fc80808080af", # overlong
        "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
        "c080 e08080 f0808080 f880808080 fc8080808080",
        "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf", # surrogates
        "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf"))
    yield [b"\xef\xbf\xbe", b"\xef\xbf\xbf"] + planes # no characters, and valid all the same
    yield [b"\xef\xbf" + bytes((byte,)) for byte in range(0xb9, 0xc0)]


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def add_utf8():
    add("6.1.1", echo, TEXT, b"")
    for index, middle in ((2, b""), (3, b"middle frame payload")):
        add(f"6.1.{index}", parts, [(TEXT, False, b""), (CONTINUATION, False, middle), (CONTINUATION, True, b"")],
            [(TEXT, middle)])
    first, second = "Hello-µ@ßöä".encode(), "üàá-UTF-8!!".encode()
    add("6.2.1", echo, TEXT, first + second)
    add("6.2.2", parts, [(TEXT, False, first), (CONTINUATION, True, second)], [(TEXT, first + second)])
    add("6.2.3", echo, TEXT, first + second, None, 1)
    add("6.2.4", echo, TEXT, GREEK, None, 1)
    add("6.3.1", invalid, GREEK + b"\xed\xa0\x80edited")
    add("6.3.2", invalid, GREEK + b"\xed\xa0\x80edited", 1)
    bad = GREEK + b"\xf4\x90\x80\x80edited" # from its 13th byte on
    by_parts, by_byte = (GREEK, b"\xf4\x90\x80\x80", b"edited"), (bad[:12], bad[12:13], bad[13:])
    for index, (pieces, in_one_frame) in enumerate(((by_parts, False), (by_byte, False), (by_parts, True),
                                                    (by_byte, True)), 1):
        add(f"6.4.{index}", fail_fast, pieces, in_one_frame)
    for group, payloads in enumerate(utf8_groups(), 5):
        for index, payload in enumerate(payloads, 1):
            if is_utf8(payload):
                add(f"6.{group}.{index}", echo, TEXT, payload)
            else:
                add(f"6.{group}.{index}", invalid, payload)


# ---- 7: closing

def closing(session, sent, echoed, code):
    """Frames of which one is a close, and nothing after it is answered."""
    with session.connect() as peer:
        send_frames(peer, sent, False, None)
        for payload in echoed:
            peer.expect(TEXT, payload)
        peer.expect_closed(code)


def close_with(session, payload, codes):
    """A close frame: answered with the same code when that is among `codes`, or refused with one of them."""
    with session.connect() as peer:
        peer.send(CLOSE, payload)
        got = peer.receive()
        if payload == b"" and got == (CLOSE, b""):
            peer.expect_end()
        else:
            peer.check_failure(got, codes)


def add_closing():
    normal = (CLOSE, True, struct.pack(">H", 1000))
    add("7.1.1", echo, TEXT, b"Hello World!")
    add("7.1.2", closing, [normal, (CLOSE, True, b"")], [], 1000)
    add("7.1.3", closing, [normal, (PING, True, b"")], [], 1000)
    add("7.1.4", closing, [normal, (TEXT, True, b"Hello World!")], [], 1000)
    add("7.1.5", closing, [(TEXT, False, b"fragment1"), normal, (CONTINUATION, True, b"fragment2")], [], 1000)
    long = (b"BAsd7&jh23" * 26215)[:262144]
    add("7.1.6", closing, [(TEXT, True, long), (TEXT, True, b"Hello World!"), normal, (PING, True, b"")],
        [long, b"Hello World!"], 1000)
    code = struct.pack(">H", 1000)
    for index, (payload, codes) in enumerate(((b"", (1000,)), (b"a", (PROTOCOL_ERROR,)), (code, (1000,)),
                                              (code + b"Hello World!", (1000,)), (code + b"*" * 123, (1000,)),
                                              (code + b"*" * 124, (PROTOCOL_ERROR,))), 1):
        add(f"7.3.{index}", close_with, payload, codes)
    add("7.5.1", close_with, code + GREEK + b"\xed\xa0\x80edited", (BAD_DATA, PROTOCOL_ERROR))
    good = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for index, code in enumerate(good, 1):
        add(f"7.7.{index}", close_with, struct.pack(">H", code), (code,))
    for index, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        add(f"7.9.{index}", close_with, struct.pack(">H", code), (PROTOCOL_ERROR,))
    for index, code in enumerate((5000, 65535), 1):
        add(f"7.13.{index}", close_with, struct.pack(">H", code), (PROTOCOL_ERROR,))


# ---- 9 and 10: large messages, many fragments, many writes, many messages

def pattern(seed, size):
    return (seed * (size // len(seed) + 1))[:size]


def round_trips(session, opcode, payload, count):
    with session.connect() as peer:
        for _ in range(count):
            peer.send(opcode, payload, key=b"\x9c\x01\x77\xe2")
            peer.expect(opcode, payload)
        peer.close()


def large(session, opcode, seed, size, fragment=None, chop=None):
    echo(session, opcode, pattern(seed, size), chop, fragment)


def add_limits():
    mib = 1 << 20
    for group, opcode, seed in ((1, TEXT, b"BAsd7&jh23"), (2, BINARY, b"\x00\xfe\x23\xfa\xf0")):
        for index, size in enumerate((65536, 262144, mib, 4 * mib, 8 * mib, 16 * mib), 1):
            add(f"9.{group}.{index}", large, opcode, seed, size)
        for index, chop in enumerate((64, 128, 256, 512, 1024, 2048), 1):
            add(f"9.{group + 4}.{index}", large, opcode, seed, mib, None, chop)
    for group, opcode, seed in ((3, TEXT, b"*"), (4, BINARY, b"\xfe")):
        for index, fragment in enumerate((64, 256, 1024, 4096, 16384, 65536, 262144, mib, 4 * mib), 1):
            add(f"9.{group}.{index}", large, opcode, seed, 4 * mib, fragment)
    for group, opcode, byte in ((7, TEXT, b"*"), (8, BINARY, b"\xfe")):
        for index, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            add(f"9.{group}.{index}", round_trips, opcode, byte * size, 1000)
    add("10.1.1", large, TEXT, b"*", 65536, 1300)


# ---- X: what the 301 do not ask

def early(session):
    """Frames in the same write as the request are not lost: proxies join writes."""
    with session.connect(early=frame(TEXT, HELLO) + frame(PING, b"early")) as peer:
        peer.expect(TEXT, HELLO)
        peer.expect(PONG, b"early")
        peer.close()


def no_extension(session):
    """What browsers offer is answered without an extension, and with frames that use none."""
    with session.connect(fields=[b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]) as peer:
        if "sec-websocket-extensions" in peer.head.lower():
            raise Failed(peer.head)
        peer.send(TEXT, HELLO)
        peer.expect(TEXT, HELLO)
        peer.close()


def end_of_stream(session):
    """A client that only ends TCP gets nothing more than the end of it, and at once."""
    with session.connect() as peer:
        peer.send(TEXT, HELLO)
        peer.expect(TEXT, HELLO)
        peer.socket.shutdown(1)
        got = peer.receive()
        if got not in (None, (CLOSE, b""), (CLOSE, struct.pack(">H", 1006))):
            raise Failed(brief(got))


def add_own():
    for index, opcode in enumerate((TEXT, BINARY, PING, CLOSE), 1):
        add(f"X.1.{index}", refused, [frame(opcode, b"", masked=False)], (PROTOCOL_ERROR,))
    add("X.1.5", refused, [frame(TEXT, HELLO), frame(TEXT, HELLO, masked=False)], (PROTOCOL_ERROR,), HELLO)
    for index, (size, form) in enumerate(((5, 126), (125, 126), (5, 127), (65535, 127)), 1):
        add(f"X.2.{index}", refused, [frame(TEXT, b"*" * size, form=form)], (PROTOCOL_ERROR,))
    add("X.2.5", refused, [b"\x82\xff\x80" + bytes(7) + b"mask"], (PROTOCOL_ERROR,))
    for index, code in enumerate((1012, 1013, 1014), 1):
        add(f"X.3.{index}", close_with, struct.pack(">H", code), (code,))
    add("X.4.1", early)
    add("X.4.2", no_extension)
    add("X.4.3", end_of_stream)


for _add in (add_framing, add_pings, add_reserved, add_fragments, add_utf8, add_closing, add_limits, add_own):
    _add()


# ---- all of them

def run_one(case_id, session):
    try:
        return Verdict(case_id, CASES[case_id](session) or OK, "")
    except Failed as failure:
        return Verdict(case_id, FAIL, str(failure))
    except (OSError, UnicodeDecodeError) as error:
        return Verdict(case_id, FAIL, f"{type(error).__name__}: {error}")


def run(url, patience, fail_fast_s, ids=None, workers=8):
    """A Verdict for each case, in their order. The long ones begin first."""
    session = Session(url, patience, fail_fast_s)
    ids = list(CASES) if ids is None else ids
    order = sorted(ids, key=lambda case_id: not case_id.startswith("9."))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        verdicts = {verdict.id: verdict for verdict in pool.map(lambda case_id: run_one(case_id, session), order)}
    return [verdicts[case_id] for case_id in ids]


class EchoServer:
    """A process that prints its URLs, a line each, and ends well when its standard input does."""

    def __init__(self, command, urls, env=None):
        self.errors = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env=env)
        lines = [self.process.stdout.readline().strip() for _ in range(urls)]
        self.urls = {line.partition("://")[0]: line for line in lines}

    def stop(self, patience):
        """(exit status, what it said on stderr)"""
        self.process.stdin.close()
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.errors.seek(0)
        with self.errors:
            return status, self.errors.read()
