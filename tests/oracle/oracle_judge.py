# SPDX-License-Identifier: Apache-2.0
"""Judges what the engine did: oracle_judge.py LIBRARY. Reads records on stdin, each a line of words that ends with the
bytes which follow it; says for each graph nothing or the first difference, as a length and a text."""
import random
import sys
import traceback

import numpy as np

import oracle
import oracle_number as number

SIGNS = ["=", "+", "min", "max", "&", "|", "^"]

def read_record(stream):
    words = stream.readline().decode().split()
    return (words[:-1], stream.read(int(words[-1]))) if words else ([], b"")

def read_change(words, blob):
    """page, kind, first, count, mask's bytes: the mask, then one value or one a lane."""
    name, kind, first, count, mask, type = words
    count, mask = int(count), int(mask)
    lanes = np.arange(count)
    if mask:
        lanes = np.flatnonzero(np.unpackbits(np.frombuffer(blob[:mask], np.uint8), bitorder="little")[:count])
    return name, SIGNS[int(kind)], lanes + int(first), np.frombuffer(blob[mask:], number.TYPES[type])

def page_difference(page, epoch, type, blob, planted):
    want = bytearray(page.now.tobytes())
    if planted is not None:
        want[planted.randrange(page.now.size) * page.now.itemsize] ^= 1
    if page.form[0] != type or len(want) != len(blob):
        return f"{page.name} is {type}, {len(blob)} bytes, the oracle says {page.form[0]}, {len(want)}"
    if want == blob:
        return ""
    got, want = np.frombuffer(blob, page.now.dtype), np.frombuffer(want, page.now.dtype)
    bits = [number.unsigned(x.view("u1") if x.dtype == bool else x) for x in (got, want)]
    lane = int(np.flatnonzero(bits[0] != bits[1])[0])
    return (f"epoch {epoch}, {page.name} lane {lane}: engine {got[lane]} ({bits[0][lane]:#x}), "
            f"oracle {want[lane]} ({bits[1][lane]:#x})")

def epoch_difference(o, says, pages, events, planted):
    accepted = o.step(says["changes"]) if says["number"] else o.start()
    if accepted != says["accepted"]:
        did = "takes" if says["accepted"] else "rejects"
        return f"epoch {says['number']}: the engine {did} it, the oracle does not"
    for page in o.pages if accepted or says["number"] else ():
        row = pages.get(page.name)
        if row is None and (page.exported or page.kind == "source"):
            return f"the image lacks page {page.name}"
        if row is not None and page.live and page.kind != "assert":
            found = page_difference(page, o.epoch, *row, planted if page is says.get("page") else None)
            if found:
                return found
    fired = {p.name: [(type, v.tobytes()) for type, v in p.values] for p in o.pages if p.fired}
    return "" if fired == events else f"epoch {o.epoch}: events {events}, oracle {fired}"

def judge(files, epochs, seed, plant):
    o = oracle.Oracle(files)
    chance = random.Random(seed)
    exported = [p for p in o.pages if p.exported]
    accepted = [says for says, _, _ in epochs[1:] if says["accepted"]]
    if plant and accepted and exported:
        chance.choice(accepted)["page"] = chance.choice(exported)
    for says, pages, events in epochs:
        found = epoch_difference(o, says, pages, events, chance)
        if found:
            return found
    return ""

def main():
    number.load(sys.argv[1])
    stream = sys.stdin.buffer
    files, epochs = {}, []
    words, blob = read_record(stream)
    while words:
        if words[0] == "file":
            files[words[1]] = blob.decode()
        elif words[0] == "epoch":
            epochs.append(({"number": int(words[1]), "accepted": words[2] == "1", "changes": []}, {}, {}))
        elif words[0] == "delta":
            epochs[-1][0]["changes"].append(read_change(words[1:], blob))
        elif words[0] == "page":
            epochs[-1][1][words[1]] = (words[2], blob)
        elif words[0] == "event":
            values = epochs[-1][2][words[1]] = []
        elif words[0] == "value":
            values.append((words[1], blob))
        elif words[0] == "end":
            try:
                found = judge(files, epochs, int(words[1]), words[2] == "1")
            except Exception:
                found = "the oracle: " + traceback.format_exc()
            print(len(found.encode()), found, sep="\n", end="", flush=True)
            files, epochs = {}, []
        words, blob = read_record(stream)

main()
