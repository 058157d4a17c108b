# SPDX-License-Identifier: MIT
"""The npm packages of tests/interop/package.json, installed into build/ once for all tests that want them."""

import fcntl
import os
import shutil
import subprocess

INTEROP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop")
FOLDER = os.path.join(INTEROP, "..", "..", "build", "interop-node")
SKIPPED = 77 # what ctest takes for "skipped"


def environment(base):
    return {**base, "NODE_PATH": os.path.join(FOLDER, "node_modules")}


def install():
    """None, or why the packages cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no node or no npm"
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX) # tests run side by side
        return _install()


def _install():
    with open(os.path.join(INTEROP, "package.json")) as file:
        wanted = file.read()
    installed = os.path.join(FOLDER, "installed.json")
    if os.path.exists(installed):
        with open(installed) as file:
            if file.read() == wanted:
                return None
    shutil.copy(os.path.join(INTEROP, "package.json"), FOLDER)
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"],
                              cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "npm had two minutes and did not install what tests/interop/package.json names"
    if done.returncode != 0:
        return f"npm cannot install what tests/interop/package.json names: {done.stderr.strip().splitlines()[:1]}"
    with open(installed, "w") as file:
        file.write(wanted)
    return None
