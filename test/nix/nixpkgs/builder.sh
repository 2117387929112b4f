# The builder: unpack, build, install, patch first lines, check. Of all variables only those that Nix set are there.
set -uo pipefail
export PATH=/usr/bin:/bin:/usr/sbin:/sbin
umask 022
unset LANG LC_ALL
export HOME=/homeless-shelter TMPDIR="$NIX_BUILD_TOP"
runHook() { :; }
for input in ${nativeBuildInputs:-}; do
  if [ -f "$input" ]; then . "$input"; else PATH="$input/bin:$PATH"; fi
done
mkdir "$NIX_BUILD_TOP/work"
cd "$NIX_BUILD_TOP/work"
if [ -n "${src:-}" ]; then
  cp -r "$src/." .
  chmod -R u+w .
fi
eval "${buildPhase:-}"
eval "${installPhase:-}"
if [ -z "${dontFixup:-}" ]; then
  # Executable scripts get the store's interpreters, where there are some.
  find "$out" -type f -perm -100 | while read -r file; do
    first=$(head -c 64 "$file" | tr -d '\0' | head -1)
    case $first in
      '#!/usr/bin/env '*)
        interpreter=$(command -v "${first#\#!/usr/bin/env }") && sed -i "1s|.*|#!$interpreter|" "$file" ;;
    esac
  done
fi
if [ -n "${doInstallCheck:-}" ]; then eval "${installCheckPhase:-}"; fi
