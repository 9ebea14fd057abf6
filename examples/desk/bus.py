# SPDX-License-Identifier: Apache-2.0
"""What `mmsb watch` prints, as values: for programs that follow a bus with no library at hand."""
import re
import subprocess


def follow(mmsb, name, *pages):
    """Yields (epoch, {page: {lane: text}}) of all that was printed so far, after each line that changed something."""
    p = subprocess.Popen([mmsb, "watch", name, *pages], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    epoch, values = 0, {}
    for line in p.stdout:
        if line.startswith("epoch "):
            epoch = int(line.split()[1])
            continue
        page, first, numbers = re.match(r"(\w+)(?:\[(\d+).*\])? = (.*)", line).groups()
        for k, text in enumerate(numbers.split(", ")):
            values.setdefault(page, {})[int(first or 0) + k] = text
        yield epoch, values
