# A shell in which `npm ci`, `npm run check`, `npm run build`, `npm test` and `npm run demo` find all that they need.
{
  lib,
  stdenv,
  mkShellNoCC,
  writeShellScript,
  writeShellScriptBin,
  glibc,
  nodejs_24,
  openssl,
  jdk_headless,
  python3,
  go_1_26,
  git,
  curl,
  haproxy,
  postgresql,
  chromium,
  util-linux,
  procps,
}:
let
  onLinux = stdenv.hostPlatform.isLinux;
  # npm brings programs that ask for a loader which NixOS does not have. Of these Node gives way to the shell's whenever
  # npm has put it there, and the linter is started by a loader.
  npm = writeShellScriptBin "npm" ''
    giveWay() { if [ -L node_modules/.bin/node ]; then ln -sf ${nodejs_24}/bin/node node_modules/.bin/node; fi; }
    giveWay
    ${nodejs_24}/bin/npm "$@"
    status=$?
    giveWay
    exit $status
  '';
  biome = writeShellScript "biome" ''
    exec ${glibc}/lib/ld-linux-*.so.* --library-path ${glibc}/lib:${stdenv.cc.cc.lib}/lib \
      node_modules/@biomejs/cli-linux-*/biome "$@"
  '';
in
mkShellNoCC (
  {
    packages = [
      openssl
      jdk_headless
      python3
      go_1_26
      git
      curl
      haproxy
      postgresql
    ]
    ++ lib.optionals onLinux [
      npm
      chromium
      util-linux
      procps
    ]
    ++ [ nodejs_24 ];
  }
  // lib.optionalAttrs onLinux { BIOME_BINARY = biome; }
)
