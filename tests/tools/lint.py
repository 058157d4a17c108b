# SPDX-License-Identifier: MIT
"""What the check_* scripts share: which files there are, how C is read, how a check proves itself.

A check is a function from a Tree to a list of problems, each "path:line: what". Run as a program
it looks at the repository and fails when there is a problem; with --self-test it is run over a
small made-up tree that must be clean, and then once for every planted violation, which it must
find: a check that cannot fail is worth nothing.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Comments, string and character literals; what is left after blanking them is code.
_NOT_CODE = re.compile(
    r'//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


class Tree:
    """The files under `root` that belong to the project, as git sees them."""

    def __init__(self, root):
        self.root = root

    def files(self, *suffixes):
        # New files count before they are added; ownership of the checkout is no concern here.
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], cwd=self.root, check=True, capture_output=True).stdout
        paths = sorted(set(listed.decode().split("\0")))
        return [path for path in paths if path and path.endswith(suffixes or ("",))
                and os.path.isfile(os.path.join(self.root, path))]

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def code(self, path):
        """The text with comments and literals blanked out; lines keep their numbers."""
        return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text(path))


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def _make_tree(folder, files):
    subprocess.run(["git", "init", "-q", folder], check=True)
    for path, text in files.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
    return Tree(folder)


def _self_test(check, clean, planted):
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for problem in check(_make_tree(folder, clean)):
            failures.append(f"clean tree: unexpected: {problem}")
    for path, text, expected in planted:
        with tempfile.TemporaryDirectory() as folder:
            problems = check(_make_tree(folder, {**clean, path: text}))
        if len(problems) != 1 or not problems[0].startswith(expected):
            failures.append(f"planted in {path}: expected one '{expected}...', got {problems}")
    if not planted:
        failures.append("nothing was planted")
    return failures


def main(check, clean, planted):
    """clean: {path: text} without a problem. planted: (path, text, start of the one problem)."""
    if sys.argv[1:] == ["--self-test"]:
        problems = _self_test(check, clean, planted)
        done = f"finds all {len(planted)} planted violations"
    elif not sys.argv[1:]:
        problems = check(Tree(ROOT))
        done = "clean"
    else:
        sys.exit(f"usage: {sys.argv[0]} [--self-test]")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else done)
    sys.exit(1 if problems else 0)
