#!/bin/sh
# Makes the page's source buildable and its stories playable: installs the packages of both from npm, some 70 MB, in
# node_modules here and in crates/page/web; does nothing where that is done already. Needs npm, Chromium, and Node
# 20.19 or newer; where Node is older, that of tests/clients is taken. As root on Debian it installs Chromium and npm
# where they are missing; elsewhere it says what is.
set -eu
cd "$(dirname "$0")"

missing=
if ! command -v npm >/dev/null 2>&1; then missing="$missing npm"; fi
if [ ! -x /usr/bin/chromium ]; then missing="$missing chromium"; fi
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

install_in() { # FOLDER
  if ! cmp -s "$1/package-lock.json" "$1/node_modules/.setup-lock"; then
    (cd "$1" && npm ci)
    cp "$1/package-lock.json" "$1/node_modules/.setup-lock"
  fi
}
install_in .
install_in ../../crates/page/web

new_enough='const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)'
node=$(command -v node)
if ! "$node" -e "$new_enough"; then
  ../clients/setup.sh
  node=$(cd ../clients && pwd)/node_modules/.bin/node
fi
ln -sfn "$node" node_modules/.node
