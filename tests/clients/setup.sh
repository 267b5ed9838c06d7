#!/bin/sh
# Makes the clients runnable that were not written here: installs their packages from npm and PyPI. Some 30
# seconds and 370 MB, nearly all of it Node 22, in node_modules and .venv here; does nothing where that is done
# already. Needs npm and Python 3.11 with venv, and the programs that commands of the documentation call: curl, jq
# and sqlite3. As root on Debian it installs what is missing; elsewhere it says what that is.
set -eu
cd "$(dirname "$0")"

missing=
if ! command -v npm >/dev/null 2>&1; then missing="$missing npm"; fi
# Debian has the heart of venv in a package of its own.
if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then missing="$missing python3 python3-venv"; fi
for program in curl jq sqlite3; do
  if ! command -v "$program" >/dev/null 2>&1; then missing="$missing $program"; fi
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing$missing" >&2
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null
  else
    echo "setup: missing:$missing (names of Debian packages). Install them, or run this as root on Debian." >&2
    exit 1
  fi
fi

if ! cmp -s package-lock.json node_modules/.setup-lock; then
  npm ci
  cp package-lock.json node_modules/.setup-lock
fi
if ! cmp -s requirements.txt .venv/.setup-lock; then
  python3 -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
  cp requirements.txt .venv/.setup-lock
fi
