# SPDX-License-Identifier: MIT
"""
The package as a stranger gets it: fetched by `go get` from a proxy, which is a folder
made here, into an empty cache; built with the sources in it; vendored; and linked with
the library of the build folder in $NFBIND_BUILD. Nothing is read from the work tree.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
VERSION = "v0.1.0"
PROGRAM = """package main

import (
	"fmt"

	nfbind "MODULE"
)

func main() {
	ct, err := nfbind.NewCt()
	if err != nil {
		panic(err)
	}
	ct.SetMark(7)
	mark, _ := ct.Mark()
	fmt.Println(nfbind.Version(), mark)
}
"""


def read(name, source=HERE):
    with open(os.path.join(source, name), encoding="utf-8") as file:
        return file.read()


def files_below(source):
    for folder, _, names in os.walk(source):
        yield from (os.path.relpath(os.path.join(folder, name), source) for name in names)


def tracked(source):
    result = subprocess.run(["git", "-C", source, "ls-files", "-z", "."], capture_output=True, check=False)
    return [n for n in result.stdout.decode().split("\0") if n] or list(files_below(source))


def module_of(source):
    return re.search(r"^module (\S+)", read("go.mod", source), re.M)[1]


def add_to_proxy(folder, source):
    """What `go get` finds of a module whose files are in the source folder."""
    module = module_of(source)
    versions = os.path.join(folder, module, "@v")
    os.makedirs(versions)
    with open(os.path.join(versions, "list"), "w", encoding="utf-8") as file:
        file.write(VERSION + "\n")
    with open(os.path.join(versions, VERSION + ".info"), "w", encoding="utf-8") as file:
        json.dump({"Version": VERSION, "Time": "2026-01-01T00:00:00Z"}, file)
    with open(os.path.join(versions, VERSION + ".mod"), "w", encoding="utf-8") as file:
        file.write(read("go.mod", source))
    with zipfile.ZipFile(os.path.join(versions, VERSION + ".zip"), "w") as archive:
        for name in tracked(source):
            archive.write(os.path.join(source, name), f"{module}@{VERSION}/{name}")


def environment(room, build):
    """Where a program finds the library; LD_LIBRARY_PATH is for the system's one only."""
    result = dict(os.environ, GOPROXY="file://" + os.path.join(room, "proxy"), GOSUMDB="off",
                  GOMODCACHE=os.path.join(room, "cache"), GOFLAGS="-modcacherw", GOWORK="off",
                  PKG_CONFIG_PATH=os.path.join(build, "meson-uninstalled"),
                  LD_LIBRARY_PATH=os.path.join(build, "src"))
    return result


def main():
    module = module_of(HERE)
    build = os.path.abspath(os.environ["NFBIND_BUILD"])
    print("1..4")
    with tempfile.TemporaryDirectory() as room:
        add_to_proxy(os.path.join(room, "proxy"), HERE)
        user = os.path.join(room, "user")
        os.mkdir(user)
        with open(os.path.join(user, "main.go"), "w", encoding="utf-8") as file:
            file.write(PROGRAM.replace("MODULE", module))
        env = environment(room, build)

        def go(*words, **more):
            subprocess.run(["go", *words], cwd=user, env=env | more, check=True)

        def says(program, expected):
            out = subprocess.run([program], env=env, check=True, capture_output=True, text=True).stdout
            assert out == expected + "\n", out
            dynamic = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True)
            return "libnfbind.so" in dynamic.stdout

        go("mod", "init", "example.org/user")
        go("get", f"{module}@{VERSION}")
        print("ok 1 - fetched from a proxy")
        program = os.path.join(user, "program")
        go("build", "-o", program)
        assert not says(program, "0.1.0 7")
        print("ok 2 - built with the sources in it")
        go("mod", "vendor")
        go("vet", "-mod=vendor", ".")
        print("ok 3 - vendored")
        include = os.path.join(HERE, "../../include")
        go("build", "-mod=mod", "-tags", "nfbind_system", "-o", program, CGO_CFLAGS=f"-I{include}")
        assert says(program, "0.1.0 7")
        print("ok 4 - linked with the installed library")
        # A fetched module is read-only, and a temporary folder wants to go.
        subprocess.run(["go", "clean", "-modcache"], cwd=user, env=env, check=True)


if __name__ == "__main__":
    sys.exit(main())
