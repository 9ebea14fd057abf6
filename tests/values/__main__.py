# SPDX-License-Identifier: Apache-2.0
"""The engine against plain Python, rule by rule: tests/values BIN [integers|order|places|lines ...]."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import base  # noqa: E402
import integers  # noqa: E402
import lines  # noqa: E402
import order  # noqa: E402
import places  # noqa: E402

PARTS = {"integers": integers, "order": order, "places": places, "lines": lines}


def main():
    base.programs["folder"] = os.path.abspath(sys.argv[1])
    for name in sys.argv[2:] or PARTS:
        PARTS[name].run()
    print(f"{base.count['passed']} passed, {base.count['failed']} failed")
    return 1 if base.count["failed"] or not base.count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
