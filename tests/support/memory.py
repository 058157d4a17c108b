# SPDX-License-Identifier: MIT
"""What is in another process's memory, as a core file or a debugger run by root would show it."""

import base64
import json
import urllib.parse


def forms(secret):
    """Every way in which a text is likely to be written down."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64url": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "percent": urllib.parse.quote(secret, safe="").encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
        "JSON with \\/": json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        "hex": raw.hex().encode(),
        "its end": raw[len(raw) // 2:],  # of a freed block the heap overwrites the beginning
    }
    # Within a longer text base64 begins at any of three places.
    for shift in (1, 2):
        inner = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        found[f"base64 shifted by {shift}"] = inner[4:-2]
    return found


def contains(text, secret):
    """The forms in which the secret stands in these bytes."""
    text = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    return [name for name, form in forms(secret).items() if form in text]


class Region:
    def __init__(self, line):
        where, self.permissions, _, _, _, *name = line.split(maxsplit=5)
        self.begin, self.end = (int(part, 16) for part in where.split("-"))
        self.name = name[0].strip() if name else ""
        self.dontdump = False


def regions(pid):
    """All that is mapped, with the flag that keeps it out of core files."""
    found = []
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if line.startswith("VmFlags:"):
                found[-1].dontdump = "dd" in line.split()
            elif "-" in line.split(":")[0].split()[0] and line[0] in "0123456789abcdef":
                found.append(Region(line))
    return found


def find(pid, secrets):
    """[(secret's name, form, region, address)] for each place where one stands in writable memory."""
    hits = []
    patterns = [(name, form, data) for name, secret in secrets.items() for form, data in forms(secret).items()]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for region in regions(pid):
            if "w" not in region.permissions or region.name in ("[vvar]", "[vsyscall]"):
                continue
            memory.seek(region.begin)
            data = bytearray()
            try:
                while len(data) < region.end - region.begin:
                    data += memory.read(region.end - region.begin - len(data))
            except OSError:
                continue  # a guard page
            for name, form, pattern in patterns:
                at = data.find(pattern)
                while at >= 0:
                    hits.append((name, form, region, region.begin + at))
                    at = data.find(pattern, at + 1)
    return hits

