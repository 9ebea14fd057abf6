#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes Debian packages be there. usage: need.sh PACKAGE...
# As root it installs what is missing. Otherwise, or where that fails, it says what is missing and how
# to install it, and ends with status 1: what was built or installed by other means may still do.
set -u
missing=
for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT INT TERM
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 && exit 0
    tail -n 20 "$log" >&2
fi
echo "missing packages (as root: apt-get install --no-install-recommends$missing)" >&2
exit 1
