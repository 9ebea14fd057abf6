#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and completions from what the commands say of themselves: generate.py BIN OUT

The one list of options stands in the commands (engine/run_options.def and its like); `--help` is printed from
it, and everything here from `--help`. OUT gets man/man1, bash-completion/completions, zsh/site-functions and
fish/vendor_completions.d, as they lie below share/.
"""
import os
import re
import subprocess
import sys

COMMANDS = {"mmsbc": "compile a graph of pages to an image",
            "mmsb-run": "run an image on deltas, with a log, recovery and replay",
            "mmsb": "look into logs, checkpoints and pages"}
FILES = {"FILE": "file", "FILE|-": "file", "PAGE=FILE": "file", "DIR": "folder", "FOLDER": "folder"}


class Command:
    """usages: [(line, what)]; options: [(names, argument, what)]; notes: the lines behind them."""

    def __init__(self, bin_dir, name):
        self.name, self.usages, self.options, self.notes = name, [], [], []

        def say(option):
            return subprocess.run([os.path.join(bin_dir, name), option], check=True, stdout=subprocess.PIPE,
                                  text=True).stdout
        text = say("--help")
        self.version = say("--version").strip()
        for line in text.splitlines():
            self.line(line)
        names = [n for row in self.options for n in row[0]]
        for n, argument in re.findall(r"(--[\w-]+)(?: ([A-Z]+))?", " ".join(left for left, _ in self.usages)):
            if n not in names + ["--version", "--help"]:
                self.options.append(([n], argument, "as above"))
                names.append(n)
        for n in re.findall(r"(?<![\w-])--(?:version|help)", text):
            if n not in names:
                self.options.append(([n], "", {"--help": "prints help", "--version": "prints the version"}[n]))
                names.append(n)

    def line(self, line):
        left, _, what = (part.strip() for part in re.match(r"(\s*\S.*?)(\s{2,}|$)(.*)$", line).groups())
        if line.startswith("  -"):
            if re.fullmatch(r"(--?[\w-]+, )+--?[\w-]+", left):
                about = {"--help": "prints help", "-h": "prints help", "--version": "prints the version"}
                self.options += [([n], "", about.get(n, "")) for n in left.split(", ")]
                return
            m = re.match(r"(-\w+|--[\w-]+)\s*(.*)", left)
            self.options.append(([m[1]], m[2], what))
        elif re.match(rf"{self.name}(\s|$)", line):
            self.usages.append((left, what))
        elif line.strip():
            self.notes.append(line.strip())

    def words(self):
        """{words before: next words}, of usages such as `mmsb log ls DIR`."""
        tree = {}
        for left, _ in self.usages:
            path = []
            for word in left.split()[1:]:
                if not re.fullmatch(r"[a-z]+", word):
                    break
                tree.setdefault(" ".join(path), []).append(word)
                path.append(word)
        return {k: sorted(set(v)) for k, v in tree.items()}


def choices(argument):
    """The words of `human|short|json`, if it is such a list."""
    return argument.split("|") if re.fullmatch(r"[a-z0-9]+(\|[a-z0-9]+)*", argument) else []


def roff(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"))


def man(c):
    out = ['.\\" SPDX-License-Identifier: Apache-2.0',
           f'.TH {c.name.upper()} 1 2026-11-27 "{c.version.split(",")[0]}"',
           ".SH NAME", f"{roff(c.name)} \\- {roff(COMMANDS[c.name])}", ".SH SYNOPSIS", ".nf"]
    out += [roff(left) for left, _ in c.usages] + [".fi", ".SH DESCRIPTION"]
    for left, what in c.usages:
        if what:
            out += [".TP", f"\\fB{roff(left)}\\fP", roff(what)]
    out.append(".SH OPTIONS")
    for names, argument, what in c.options:
        argument = f" \\fI{roff(argument)}\\fP" if argument else ""
        out += [".TP", ", ".join(f"\\fB{roff(n)}\\fP" for n in names) + argument, roff(what or "one of these words")]
    status = [n for n in c.notes if n.startswith("Exit status:")]
    out += [line for n in c.notes if n not in status for line in (".PP", roff(n))]
    out += [".SH EXIT STATUS"] + [roff(n.split(":", 1)[1].strip()) for n in status] if status else []
    out += [".SH SEE ALSO", ", ".join(f"\\fB{roff(n)}\\fP(1)" for n in COMMANDS if n != c.name)]
    return "\n".join(out) + "\n"


def bash(c):
    options = " ".join(n for names, _, _ in c.options for n in names)
    lines = [f"# SPDX-License-Identifier: Apache-2.0\n# bash completion of {c.name}",
             f"_{ident(c)}() {{", "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}",
             "    COMPREPLY=()", "    case $before in"]
    for names, argument, _ in c.options:
        if argument.startswith("["):
            continue
        if choices(argument):
            of = f"compgen -W '{' '.join(choices(argument))}'"
            lines.append(f"    {'|'.join(names)}) COMPREPLY=($({of} -- \"$word\")); return ;;")
        elif argument:
            kind = {"file": "compgen -f", "folder": "compgen -d"}.get(FILES.get(argument))
            of = f"COMPREPLY=($({kind} -- \"${{word#*=}}\")); " if kind else ""
            lines.append(f"    {'|'.join(names)}) {of}return ;;")
    lines.append("    esac")
    lines.append(f"    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '{options}' -- \"$word\")); return; fi")
    for path, words in c.words().items():
        depth = len(path.split())
        lines.append(f"    if [[ $COMP_CWORD == {depth + 1} && \"${{COMP_WORDS[*]:1:{depth}}}\" == '{path}' ]]; then "
                     f"COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$word\")); return; fi")
    lines += ["    COMPREPLY=($(compgen -f -- \"$word\"))", "}", f"complete -o filenames -F _{ident(c)} {c.name}"]
    return "\n".join(lines) + "\n"


def ident(c):
    return c.name.replace("-", "_")


def zsh(c):
    lines = [f"#compdef {c.name}", "# SPDX-License-Identifier: Apache-2.0", "_arguments -s \\"]
    for names, argument, what in c.options:
        what = re.sub(r"([\[\]:'\\])", r"\\\1", (what or argument)).replace("\\'", "'\\''")
        for n in names:
            after = ""
            if argument and not argument.startswith("["):
                action = "_files" if FILES.get(argument) == "file" else "_files -/" if argument in FILES else ""
                action = f"({' '.join(choices(argument))})" if choices(argument) else action
                after = f":{argument.replace(':', ' ')}:{action}"
            lines.append(f"    '*{n}[{what}]{after}' \\")
    firsts = c.words().get("")
    lines.append(f"    '1:command:({' '.join(firsts)})' \\" if firsts else "    \\")
    lines = [line for line in lines if line != "    \\"]
    return "\n".join(lines) + "\n    '*:file:_files'\n"


def fish(c):
    lines = [f"# SPDX-License-Identifier: Apache-2.0\n# fish completion of {c.name}"]
    for names, argument, what in c.options:
        what = (what or argument).replace("\\", "\\\\").replace("'", "\\'")
        flags = " ".join(f"-s {n[1]}" if len(n) == 2 else f"-l {n[2:]}" if n[1] == "-" else f"-o {n[1:]}"
                         for n in names)
        needs = ""
        if argument and not argument.startswith("["):
            needs = " -r" if argument in FILES else " -x"
            needs += f" -a '{' '.join(choices(argument))}'" if choices(argument) else ""
        lines.append(f"complete -c {c.name} {flags}{needs} -d '{what}'")
    for path, words in c.words().items():
        seen = "__fish_use_subcommand" if not path else f"__fish_seen_subcommand_from {path.split()[-1]}"
        lines.append(f"complete -c {c.name} -n '{seen}' -a '{' '.join(words)}'")
    return "\n".join(lines) + "\n"


def main():
    bin_dir, out = sys.argv[1:3]
    places = ((man, "man/man1/{}.1"), (bash, "bash-completion/completions/{}"), (zsh, "zsh/site-functions/_{}"),
              (fish, "fish/vendor_completions.d/{}.fish"))
    for name in COMMANDS:
        if not os.path.exists(os.path.join(bin_dir, name)):
            continue
        c = Command(bin_dir, name)
        for make, place in places:
            path = os.path.join(out, place.format(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(make(c))


if __name__ == "__main__":
    main()
