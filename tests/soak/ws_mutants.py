#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Does the conformance suite notice? Breaks the server's WebSocket in one place after the other, in a copy of the
sources, builds ws-echo from it and goes through the cases of support/ws_cases.py: each mutant must fail one. Prints
which."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import ws_cases  # noqa: E402

PATIENCE = 5 # what a case may take; what failed is tried once more before it counts
FRAME, LAYER = "net/ws_frame.c", "net/layer_ws.c"

# What is broken, the file, the text that must stand in it exactly once, and what takes its place.
MUTANTS = (
    ("frames without a mask are taken", FRAME, "if ((bool)(reader->header[1] & 0x80) != reader->wants_mask) {",
     "if (!reader->wants_mask && reader->header[1] & 0x80) {"),
    ("RSV1 may be set", FRAME, "reader->header[0] & 0x70", "reader->header[0] & 0x30"),
    ("reserved opcodes are let through", FRAME,
     'return fail(why, NET_CLOSE_PROTOCOL, "reserved opcode");', "return 0;"),
    ("a continuation needs no beginning", FRAME, "return reader->in_message\n                   ? 0\n",
     "return reader->in_message || header_fin(reader)\n                   ? 0\n"),
    ("a new message may begin inside another", FRAME, "return reader->in_message\n                   ? fail(",
     "return reader->in_message && !header_fin(reader)\n                   ? fail("),
    ("control frames may be fragmented", FRAME, "return header_fin(reader) ? 0 :", "return reader->header[0] ? 0 :"),
    ("control frames may be longer than 125 bytes", FRAME, "> NET_WS_CONTROL_BYTES_MAX) {",
     "> NET_WS_CONTROL_BYTES_MAX + 2) {"),
    ("lengths in 16 bits may be short", FRAME, "(form == 126 && length < 126)", "(form == 126 && length > 65535)"),
    ("lengths in 64 bits may be short", FRAME, "(length <= UINT16_MAX || length >> 63)", "length >> 63"),
    ("the mask of a control frame begins anew with each read", FRAME,
     "reader->header + reader->header_size - 4,\n                        reader->control_size);",
     "reader->header + reader->header_size - 4,\n                        0);"),
    ("a fragmented message never ends", FRAME, "reader->in_message = !header_fin(reader);",
     "reader->in_message |= !header_fin(reader);"),
    ("half a close code is none", FRAME, "if (payload.size == 0) {", "if (payload.size < 2) {"),
    ("close code 1005 may be sent", FRAME, "*status <= 1003)", "*status <= 1005)"),
    ("close codes up to 2999 may be sent", FRAME, "*status <= 1014)", "*status <= 2999)"),
    ("close codes 1012 to 1014 are refused", FRAME, "*status <= 1014)", "*status <= 1011)"),
    ("a close reason may be any bytes", FRAME, "return bytes_is_utf8(*reason) ? 0 : NET_CLOSE_BAD_DATA;", "return 0;"),
    ("126 bytes are written with the short length", FRAME, "if (payload_size < 126) {", "if (payload_size <= 126) {"),
    ("65536 bytes are written with 16 bits of length", FRAME, "payload_size <= UINT16_MAX) {",
     "payload_size <= UINT16_MAX + 1) {"),
    ("pongs are empty", LAYER, "!write_frame(ws, NET_WS_PONG, piece->bytes)",
     "!write_frame(ws, NET_WS_PONG, bytes_of(NULL, 0))"),
    ("text goes out as binary", LAYER, "write_frame(ws, NET_WS_TEXT, text)", "write_frame(ws, NET_WS_BINARY, text)"),
    ("invalid UTF-8 is not told", LAYER, "if (!ws->code && !wslay_event_get_read_enabled(ws->assembler)) {",
     "if (ws->code && !wslay_event_get_read_enabled(ws->assembler)) {"),
    ("the code of a close is not given back", LAYER, "say_close(ws, status, \"\");", "say_close(ws, 1005, \"\");"),
    ("after both closes TCP stays", LAYER, "if (!layer->is_up || ws->heard_close || ws->failed) {",
     "if (!layer->is_up || ws->failed) {"),
    ("a broken protocol does not end TCP", LAYER, "if (!layer->is_up || ws->heard_close || ws->failed) {",
     "if (!layer->is_up || ws->heard_close) {"),
    ("a ping between fragments is taken for data", LAYER, "if (piece.kind == NET_WS_CONTROL) {",
     "if (piece.kind == NET_WS_CONTROL && !net_ws_reader_is_amid(&ws->reader)) {"),
    ("bytes behind the request are lost", "net/layer_upgrade.c",
     "return layer->is_up ? net_layer_feed(layer->above, bytes) :", "return layer->is_up ? 0 :"),
)
# The largest messages and most round trips take long and find nothing that others do not.
IDS = [case_id for case_id in ws_cases.CASES if not case_id.startswith("9.")]


def copy_sources(folder):
    for name in ("CMakeLists.txt", "CMakePresets.json"):
        shutil.copy(os.path.join(ROOT, name), folder)
    for name in ("auth", "config", "game", "net", "tests"):
        shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name))


def build(folder):
    """False when it does not compile."""
    done = subprocess.run(["cmake", "--build", os.path.join(folder, "build"), "--target", "ws-echo"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout[-3000:])
    return done.returncode == 0


def failing(url, ids):
    """Those that fail twice: noise does not count."""
    for _ in range(2):
        verdicts = ws_cases.run(url, PATIENCE, PATIENCE, ids, workers=24)
        ids = [verdict.id for verdict in verdicts if verdict.verdict != ws_cases.OK][:16]
    return ids


def judge(folder):
    server = ws_cases.EchoServer([os.path.join(folder, "build", "tests", "ws-echo")], 2)
    try:
        return failing(server.urls["ws"], IDS)
    finally:
        server.stop(PATIENCE)


def check_places(folder):
    """Before anything is built: each text must stand in its file exactly once."""
    moved = []
    for what, file, old, _ in MUTANTS:
        with open(os.path.join(folder, file)) as source:
            count = source.read().count(old)
        moved += [f"{what}: {file} has {old!r} {count} times"] if count != 1 else []
    if moved:
        sys.exit("\n".join(moved))


def mutate(folder, file, old, new):
    """Breaks the file; returns what it was."""
    path = os.path.join(folder, file)
    with open(path) as source:
        text = source.read()
    with open(path, "w") as source:
        source.write(text.replace(old, new))
    return text


def main():
    alive = []
    with tempfile.TemporaryDirectory() as folder:
        copy_sources(folder)
        check_places(folder)
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        subprocess.run(["cmake", "-S", folder, "-B", os.path.join(folder, "build"), "-G", "Ninja", *launcher],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if not build(folder) or judge(folder):
            sys.exit("the server that nobody broke does not pass")
        for what, file, old, new in MUTANTS:
            before = mutate(folder, file, old, new)
            if not build(folder):
                sys.exit(f"{what}: does not compile")
            found = judge(folder)
            more = " and more" if len(found) > 4 else ""
            print(f"| {what} | {', '.join(found[:4]) + more if found else 'ALIVE'} |", flush=True)
            alive += [] if found else [what]
            with open(os.path.join(folder, file), "w") as source:
                source.write(before)
    print(f"{len(MUTANTS) - len(alive)} of {len(MUTANTS)} mutants were found")
    return len(alive)


if __name__ == "__main__":
    sys.exit(main())
