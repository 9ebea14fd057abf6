#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The feed: 400 rising quotes as delta lines, a commit each. feed.py [SECONDS between them]"""
import random
import sys
import time

pause = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
random.seed(11)
price = [100.0] * 8
for _ in range(400):
    k = random.randrange(8)
    price[k] += random.randrange(1, 9) / 16
    print(f"price[{k}] = {price[k]}\ncommit", flush=True)
    time.sleep(pause)
