#!/bin/sh
# Installs what package-lock.json names for one CPU, in the folder with the lock that this is run in, and leaves a tree in
# node_modules that is the same wherever and whenever it is made: `sh nix/dependencies.sh x64`. The flake's dependencies are
# this tree, and `npm run nix:hash` and the tests make the same one to know its hash. npm knows its registry, so none is
# named here; it checks every package against the lock's integrity.
set -eu
# The caller's NODE_ENV must not have a say, so what to include is named.
npm ci --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error \
  --include=dev --include=optional --os=linux --cpu="$1" --libc=glibc
# npm's own notes differ from version to version, and so does whether it leaves empty folders.
rm -rf node_modules/.package-lock.json
# Nix brings its own Node: this one could not even start on NixOS.
rm -rf node_modules/.bin/node node_modules/node-linux-*
find node_modules -type d -empty -delete
