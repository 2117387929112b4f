#!/bin/bash
# nuke-refs [-e STORE-PATH]... FILE...: overwrites the hash of every store path in the files, except those paths' own.
store=$NIX_STORE
kept=
while getopts e: option; do
  rest=${OPTARG#"$store"/}
  kept="$kept(?!${rest:0:32})"
done
shift $((OPTIND - 1))
for file; do perl -pi -e "s|\Q$store\E/$kept[a-z0-9]{32}-|$store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-|g" "$file"; done
