#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and completions of every command: shell.py BIN. What a missing shell would check is skipped by name."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.abspath(sys.argv[1])
failed = passed = 0


def expect(what, ok, more=""):
    global failed, passed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"FAIL {what}: {more}")


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **more)


def options_of(name):
    """Every option that the help names, wherever it stands."""
    return set(re.findall(r"(?<![\w.-])--?[a-zA-Z][\w-]*", run(BIN + "/" + name, "--help").stdout))


def have(program):
    if shutil.which(program):
        return True
    print(f"skipped: no {program}")
    return False


def check_bash(name, share, options):
    script = (f'. {share}/bash-completion/completions/{name}; COMP_WORDS=({name} "$1"); COMP_CWORD=1; '
              f'_{name.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    for o in sorted(options):
        p = run("bash", "-c", script, "bash", o)
        expect(f"bash: {name} {o}", o in p.stdout.split(), p.stdout + p.stderr)
    p = run("bash", "-c", script, "bash", "--no-such")
    expect(f"bash: {name} --no-such", p.stdout.split() == [], p.stdout)


def check_fish(name, share, options):
    for o in sorted(options):
        begun = o if o.startswith("--") else "-"
        source = f"source {share}/fish/vendor_completions.d/{name}.fish"
        p = run("fish", "-N", "-c", f"{source}; complete -C '{name} {begun}'")
        expect(f"fish: {name} {o}", o in [line.split("\t")[0] for line in p.stdout.splitlines()], p.stdout + p.stderr)


def check_zsh(name, share, options):
    path = f"{share}/zsh/site-functions/_{name}"
    p = run("zsh", "-f", "-n", path)
    expect(f"zsh: {path}", p.returncode == 0, p.stderr)
    # The words handed to _arguments are what zsh completes: a stand-in prints them.
    p = run("zsh", "-f", "-c", f'_arguments() {{ print -rl -- "$@" }}; . {path}')
    given = {m[1] for m in re.finditer(r"^\*(--?[\w-]+)\[", p.stdout, re.M)}
    expect(f"zsh: options of {name}", given == options, f"{sorted(given ^ options)} {p.stderr}")


def check_man(name, share, options):
    path = f"{share}/man/man1/{name}.1"
    with open(path, encoding="utf-8") as f:
        text = f.read().replace("\\-", "-")
    for o in sorted(options):
        expect(f"man: {name} {o}", re.search(rf"\\fB{o}\\fP", text), "not in the page")
    if shutil.which("mandoc"):
        p = run("mandoc", "-Tlint", "-Wwarning", path)
        expect(f"mandoc -Tlint {name}.1", p.returncode == 0 and not p.stdout, p.stdout)
    if shutil.which("man"):
        p = run("man", "--warnings", "-l", path, env=dict(os.environ, MANWIDTH="100", LC_ALL="C.UTF-8"))
        expect(f"man --warnings {name}.1", p.returncode == 0 and not p.stderr, p.stderr)


def main():
    if not (shutil.which("mandoc") or shutil.which("man")):
        print("skipped: neither mandoc nor man")
    checks = [check_bash, check_man] + [c for c, p in ((check_fish, "fish"), (check_zsh, "zsh")) if have(p)]
    with tempfile.TemporaryDirectory() as share:
        subprocess.run([sys.executable, TOP + "/docs/shell/generate.py", BIN, share], check=True)
        for name in ("mmsbc", "mmsb-run", "mmsb"):
            options = options_of(name)
            for c in checks:
                c(name, share, options)
        with open(TOP + "/engine/run_options.def", encoding="utf-8") as f:
            listed = set(re.findall(r'^OPTION\("(--[\w-]+)"', f.read(), re.M))
        expect("the help has the whole list", listed <= options_of("mmsb-run"), listed - options_of("mmsb-run"))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
