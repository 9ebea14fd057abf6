# SPDX-License-Identifier: Apache-2.0
"""10,000 quote ticks for graphs/risk.mmsbg as delta lines, one epoch each: ticks.py [SEED [COUNT]].
The market falls until the middle of the day and recovers after it; a quote moves by cents."""
import random
import sys

seed, count = (int(a) for a in (sys.argv[1:] + ["2026", "10000"][len(sys.argv) - 1:]))
rng = random.Random(seed)
price = [10000] * 4096  # cents
for k in range(count):
    instrument = rng.randrange(4096)
    drift = -300 if k < count // 2 else 300
    price[instrument] = max(100, price[instrument] + drift + rng.randrange(-400, 401))
    cents = price[instrument]
    print(f"price[{instrument}] = {cents // 100}.{cents % 100:02d}\ncommit")
