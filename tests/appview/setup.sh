#!/bin/sh
# Makes the AppView runnable: installs its packages from npm. Some half a minute and 310 MB, all of it in
# node_modules here; does nothing where that is done already. It runs on the Node of tests/network, against the
# servers there, so tests/network/setup.sh comes first.
# Needs curl as well, which the manual's commands are run with. As root on Debian it installs it.
set -eu
cd "$(dirname "$0")"
if ! command -v curl >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing curl" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends curl >/dev/null
  else
    echo "setup: missing: curl. Install it, or run this as root on Debian." >&2
    exit 1
  fi
fi
if cmp -s package-lock.json node_modules/.setup-lock; then exit; fi
npm ci
cp package-lock.json node_modules/.setup-lock
