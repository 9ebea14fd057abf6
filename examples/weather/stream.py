# SPDX-License-Identifier: Apache-2.0
"""Delta lines of a weather table, one commit a day: stream.py WEATHER.csv"""
import csv
import sys

for day in csv.DictReader(open(sys.argv[1], newline="")):
    print("date = %s" % day["date"].replace("-", ""))
    for page, column in (("tmax", "temp_max"), ("tmin", "temp_min"),
                         ("rain", "precipitation"), ("wind", "wind")):
        print("%s = %r" % (page, float(day[column])))
    print("commit")
