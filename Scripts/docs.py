#!/usr/bin/env python3
"""Writes the libraries' documentation as a website, out of their doc comments and docs/libraries.

docs.py FOLDER-OF-PROGRAMS FOLDER

It fails where a public symbol has no comment, where a link leads nowhere, and where an example does not compile. It reads
the modules that the last build left; of those it compiles nothing.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Made from riff.proto and framing.proto, whose comments are there.
GENERATED = "/Generated/"


def output(*command):
    """What a command prints; where it fails, its own words end the script."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{pathlib.Path(command[0]).name} {command[1]} failed:\n{(result.stdout + result.stderr).strip()}")
    return result.stdout


def compiler_arguments(programs):
    """Where the compiler finds the modules, and the C modules that they import."""
    target = json.loads(output("swift", "-print-target-info"))["target"]["unversionedTriple"]
    arguments = ["-target", target, "-I", str(programs / "Modules")]
    for map_file in sorted(programs.glob("*.build/module.modulemap")):
        if not map_file.parent.name.endswith("-tool.build"):
            arguments += ["-Xcc", f"-fmodule-map-file={map_file}"]
    checkouts = programs.resolve().parents[1] / "checkouts"
    maps = [
        *pathlib.Path("Sources").glob("C*/**/module.modulemap"),
        *checkouts.glob("*/Sources/*/include/module.modulemap"),
    ]
    for map_file in sorted(maps):
        arguments += ["-I", str(map_file.parent)]
    for library in sorted(set(re.findall(r'pkgConfig: "([^"]+)"', pathlib.Path("Package.swift").read_text()))):
        for flag in output("pkg-config", "--cflags", library).split():
            arguments += ["-Xcc", flag]
    return arguments


def silent_symbols(graph):
    """Places and names of the symbols without a comment, but those that Swift adds by itself."""
    for symbol in graph["symbols"]:
        uri = symbol.get("location", {}).get("uri", "")
        if "docComment" in symbol or "/Sources/" not in uri or GENERATED in uri:
            continue
        place = "Sources/" + uri.rpartition("/Sources/")[2]
        yield place, symbol["location"]["position"]["line"] + 1, ".".join(symbol["pathComponents"])


def main():
    programs, site = (pathlib.Path(path).absolute() for path in sys.argv[1:3])
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    catalogs = {path.stem: path for path in sorted(pathlib.Path("docs/libraries").glob("*.docc"))}
    missing = [name for name in catalogs if not (programs / f"Modules/{name}.swiftmodule").exists()]
    if missing:
        sys.exit(f"not built: {', '.join(missing)}; swift build -c release makes them")
    executables = re.findall(r'\.executableTarget\(\s*name: "([^"]+)"', pathlib.Path("Package.swift").read_text())
    for folder in sorted(pathlib.Path("Sources").iterdir()):
        is_built = (programs / f"Modules/{folder.name}.swiftmodule").exists()
        is_public = any(re.search(r"^ *public ", file.read_text(), re.M) for file in folder.rglob("*.swift"))
        if is_built and is_public and folder.name not in [*catalogs, *executables]:
            sys.exit(f"{folder} has public symbols: write docs/libraries/{folder.name}.docc/{folder.name}.md")
    docc = pathlib.Path(shutil.which("swift") or sys.exit("there is no swift in PATH")).resolve().parent / "docc"
    if not docc.exists():
        sys.exit(f"there is no {docc}: documentation needs a whole Swift toolchain")
    arguments = compiler_arguments(programs)

    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)

        def extract(library):
            graphs = folder / library
            graphs.mkdir()
            output(
                "swift", "symbolgraph-extract", "-module-name", library, *arguments, "-output-dir", str(graphs),
                "-minimum-access-level", "public", "-skip-synthesized-members",
            )
            return {found for path in graphs.glob("*.json") for found in silent_symbols(json.loads(path.read_text()))}

        silent = sorted(set().union(*pool.map(extract, catalogs)))
        for place, line, symbol in silent:
            print(f"{place}:{line}: {symbol} has no comment", file=sys.stderr)
        if silent:
            sys.exit(f"public symbols without a comment: {len(silent)}")

        def compile_examples(library):
            blocks = re.findall(r"^```swift\n(.*?)^```$", (catalogs[library] / f"{library}.md").read_text(), re.M | re.S)
            if not blocks:
                sys.exit(f"{catalogs[library]}/{library}.md has no example")
            for number, block in enumerate(blocks):
                example = folder / f"{library}-{number}.swift"
                example.write_text(block)
                output("swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", *arguments, str(example))

        def convert(library):
            archive = folder / f"{library}.doccarchive"
            output(
                str(docc), "convert", str(catalogs[library]), "--additional-symbol-graph-dir", str(folder / library),
                "--output-path", str(archive), "--warnings-as-errors", "--fallback-display-name", library,
                "--fallback-bundle-identifier", f"riffd.{library}", "--fallback-default-module-kind", "Library",
            )
            return str(archive)

        list(pool.map(compile_examples, catalogs))
        archives = list(pool.map(convert, catalogs))
        shutil.rmtree(site, ignore_errors=True)
        site.parent.mkdir(parents=True, exist_ok=True)
        output(
            str(docc), "merge", *archives, "--output-path", str(site), "--synthesized-landing-page-name", "riffd",
            "--synthesized-landing-page-topics-style", "list",
        )
    shown = os.path.relpath(site)
    print(f"{len(catalogs)} libraries. To read: python3 -m http.server -d {shown}, then http://localhost:8000/documentation")


main()
