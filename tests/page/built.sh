#!/bin/sh
# Says whether crates/page/dist is what crates/page/web builds, and whether its types hold. Run setup.sh first.
set -eu
cd "$(dirname "$0")"

node=$PWD/node_modules/.node
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
cd ../../crates/page/web
"$node" node_modules/typescript/bin/tsc --noEmit
"$node" node_modules/vite/bin/vite.js build --logLevel warn --outDir "$fresh" --emptyOutDir
if ! diff -r "$fresh" ../dist >/dev/null; then
  diff -rq "$fresh" ../dist || true
  echo "crates/page/dist is not what crates/page/web builds: run 'npm run build' there and commit both." >&2
  exit 1
fi
