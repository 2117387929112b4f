# makeWrapper PROGRAM WRAPPER [--add-flags FLAGS | --set-default VARIABLE VALUE | --suffix VARIABLE SEPARATOR VALUE]...: a script
# that sets and starts.
makeWrapper() {
  local program=$1 wrapper=$2 flags=
  shift 2
  mkdir -p "$(dirname "$wrapper")"
  echo '#!/bin/bash' > "$wrapper"
  while [ $# -gt 0 ]; do
    case $1 in
      --add-flags) flags="$flags $2"; shift 2 ;;
      --set-default) printf 'export %s=${%s-%s}\n' "$2" "$2" "$3" >> "$wrapper"; shift 3 ;;
      --suffix) printf 'export %s=${%s:+$%s%s}%s\n' "$2" "$2" "$2" "$3" "$4" >> "$wrapper"; shift 4 ;;
      *) echo "makeWrapper does not know $1" >&2; return 1 ;;
    esac
  done
  printf 'exec %s%s "$@"\n' "$program" "$flags" >> "$wrapper"
  chmod 755 "$wrapper"
}
