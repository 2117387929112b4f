# What `nix flake check` holds certlet to: that it builds and starts, what is in the image and what is not, the tests
# that need neither network nor other programs, and the format of the sources.
{
  lib,
  stdenv,
  stdenvNoCC,
  runCommand,
  glibc,
  nodejs_24,
  openssl,
  jq,
  default,
  image,
}:
let
  # The repository with its dependencies, and a command to be run in it.
  inRepository =
    name: command:
    stdenvNoCC.mkDerivation {
      name = "certlet-${name}";
      src = lib.cleanSource ../.;
      nativeBuildInputs = [
        nodejs_24
        openssl
      ];
      buildPhase = ''
        export HOME=$TMPDIR
        cp -r ${default.dependencies} node_modules
        chmod -R u+w node_modules
        ${command}
      '';
      installPhase = "touch $out";
      dontFixup = true;
    };
in
{
  package = default;

  # Left out: what fetches, what asks programs of other people, what packs or builds once more, and the simulated stories,
  # which take as long as all the rest and come out the same wherever Node runs.
  tests = inRepository "tests" ''
    node node_modules/vitest/vitest.mjs run --project node \
      $(ls -d test/* | grep --extended-regexp --invert-match '^test/(consumers|package|simulation|wire)$')
  '';

  # The lock's own linter, because another version would format otherwise; its program looks for a loader that Nix does
  # not have.
  format = inRepository "format" ''
    ${glibc}/lib/ld-linux-*.so.* --library-path ${glibc}/lib:${stdenv.cc.cc.lib}/lib \
      node_modules/@biomejs/cli-linux-*/biome format .
  '';

  image = runCommand "certlet-image-contents" { nativeBuildInputs = [ jq ]; } ''
    tar -xf ${image}
    jq -r '.[0].Layers[]' manifest.json > layers
    while read -r layer; do tar -tf $layer; done < layers | sed 's|^\./||; s|^/||' > files
    tar -xf "$(tail -1 layers)"

    cmp lib/certlet/certlet.mjs ${default}/lib/certlet/certlet.mjs
    test -x bin/certlet
    test -x bin/setpriv
    for needed in bin/mount bin/umount bin/xargs etc/ssl/certs/ca-bundle.crt; do
      grep -qxF "$(readlink $needed | sed 's|^/||')" files
    done
    unwanted() {
      if grep -E "$2" files; then echo "the image has $1: see the paths above" >&2; exit 1; fi
    }
    unwanted "a shell or a package manager" '/bin/(sh|bash|dash|ash|zsh|busybox|npm)$'
    unwanted "what Node was built with" '^nix/store/[^/]*-(gcc|clang|binutils)-[^/]*/bin/|/include/.*\.h$|/python3[^/]*$'
    jq -e '.[0].RepoTags == ["certlet:${default.version}"]' manifest.json
    jq -e '.created[:10] == "1970-01-01" and .config.Entrypoint == ["/bin/certlet"]' "$(jq -r '.[0].Config' manifest.json)"
    touch $out
  '';
}
