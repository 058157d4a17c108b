#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""libenet.so uses our platform functions, however the executable is built; where it cannot, nothing starts."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["PADDOCK_BUILD"]
SOURCES = [f"net/{name}.c" for name in ("enet_platform", "enet_socket", "enet_memory", "addr", "addr_map", "udp_drops")]
SOURCES += ["config/secret.c"]
SOURCES += [f"config/base/{name}.c" for name in ("blocks", "bytes", "clock", "counters", "error")]
PROGRAM = """
#include <stdio.h>
#include "net/enet_platform.h"
int main(void)
{
    struct error error = {""};
    bool bound = net_enet_platform_start(&error) && net_enet_platform_start(&error);
    puts(bound ? "bound" : error.text);
    return !bound;
}
"""
# What of the platform functions stays libenet's own: they are as good here as ours would be.
THEIRS = {"enet_socket_create", "enet_socket_bind", "enet_socket_get_address", "enet_socket_set_option"}


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def exported(program):
    lines = run("readelf", "--dyn-syms", "-W", program).stdout.splitlines()
    return {line.split()[-1] for line in lines if " FUNC " in line and " UND " not in line}


class Binding(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def build(self, compiler, *flags):
        source, program = os.path.join(self.folder, "main.c"), os.path.join(self.folder, "main")
        with open(source, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        built = run(compiler, "-std=c17", "-D_GNU_SOURCE", "-I.", "-O1", *flags, source, *SOURCES, "-o", program, "-lenet")
        self.assertEqual(built.returncode, 0, built.stdout)
        return program

    def test_every_way_to_build(self):
        variants = [(), ("-fPIE", "-pie"), ("-no-pie", "-fno-pie"), ("-fvisibility=hidden",), ("-flto", "-fvisibility=hidden"),
                    ("-fsanitize=address,undefined",), ("-Wl,--gc-sections", "-ffunction-sections", "-Wl,--as-needed")]
        for compiler in ("gcc", "clang"):
            for flags in variants:
                if compiler == "clang" and "-flto" in flags:
                    flags += ("-fuse-ld=lld",) if shutil.which("ld.lld") else ("-fno-lto",)
                with self.subTest(compiler=compiler, flags=flags):
                    program = self.build(compiler, *flags)
                    result = run(program)
                    self.assertEqual((result.returncode, result.stdout), (0, "bound\n"))
                    subprocess.run(["strip", program], check=True)
                    self.assertEqual(run(program).stdout, "bound\n")

    def test_what_is_not_exported_is_noticed(self):
        script = os.path.join(self.folder, "hide")
        for hidden in ("enet_socket_receive", "enet_socket_send", "enet_time_get", "enet_*"):
            with open(script, "w", encoding="ascii") as file:
                file.write("{ local: %s; };\n" % hidden)
            with self.subTest(hidden=hidden):
                result = run(self.build("gcc", f"-Wl,--version-script={script}"))
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stdout, "libenet does not call Paddock's socket functions: this executable "
                                 "was linked without exporting enet_socket_receive and its siblings\n")

    def test_all_that_libenet_calls_is_ours_or_known(self):
        library = re.search(r"libenet\.so\S* => (\S+)", run("ldd", os.path.join(BUILD, "paddock")).stdout).group(1)
        slots = re.findall(r"JUMP_SLO\S*\s+\S+\s+(enet_(?:socket|time|host_random|address)\w*)",
                           run("readelf", "-rW", library).stdout)
        called = {name for name in slots if not name.startswith("enet_address")}
        self.assertIn("enet_socket_receive", called)
        for program in ("paddock", "tests/paddock-bots"):
            ours = exported(os.path.join(BUILD, program))
            self.assertEqual(called - ours, THEIRS, program)


if __name__ == "__main__":
    unittest.main()
