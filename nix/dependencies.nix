# node_modules as package-lock.json has it for one system. Each package's tarball is a derivation of its own, fixed by
# the integrity that the lock holds, so what arrives is the same bytes wherever it comes from. npm is only asked which
# registry it would ask. A plain script lays the tarballs where the lock says, so npm's version and its habits have no
# say in the tree, and a change of the lock needs no hash written anywhere. nixpkgs brings its own Node, so the one that
# npm would bring is left out.
{
  lib,
  stdenvNoCC,
  runCommand,
  nodejs_24,
  curl,
  cacert,
}:
let
  registry = runCommand "npm-registry" { nativeBuildInputs = [ nodejs_24 ]; } ''
    HOME=$TMPDIR npm config get registry > $out
  '';
  cpu = if stdenvNoCC.hostPlatform.system == "aarch64-linux" then "arm64" else "x64";
  locked = (lib.importJSON ../package-lock.json).packages;

  # "os", "cpu" and "libc" of a package name what it is for, or with an exclamation mark what it is not for.
  isRefusal = text: lib.substring 0 1 text == "!";
  admits =
    name: list:
    let
      accepted = builtins.filter (text: !isRefusal text) list;
    in
    !builtins.elem "!${name}" list && (accepted == [ ] || builtins.elem name accepted);
  # Where a package lies, as the folder of all packages that it is in, its scope and its name.
  partsOf = builtins.match "(.*node_modules/)(@[^/]+/)?([^/]+)";
  # What lies in a package that is left out is left out with it.
  isWanted =
    path:
    let
      entry = locked.${path};
      folder = builtins.head (partsOf path);
    in
    lib.substring 0 13 path == "node_modules/"
    && builtins.match "node_modules/node-linux-.*" path == null
    && entry ? integrity
    && admits "linux" (entry.os or [ ])
    && admits cpu (entry.cpu or [ ])
    && admits "glibc" (entry.libc or [ ])
    && (folder == "node_modules/" || isWanted (builtins.head (builtins.match "(.*)/node_modules/" folder)));
  wanted = builtins.filter isWanted (builtins.attrNames locked);

  tarballOf =
    path:
    let
      entry = locked.${path};
      parts = partsOf path;
      scope = builtins.elemAt parts 1;
      base = builtins.elemAt parts 2;
      name = entry.name or "${if scope == null then "" else scope}${base}";
      file = "${builtins.elemAt (builtins.match "(@[^/]+/)?([^/]+)" name) 1}-${entry.version}.tgz";
    in
    stdenvNoCC.mkDerivation {
      name = file;
      outputHash = entry.integrity;
      outputHashMode = "flat";
      impureEnvVars = lib.fetchers.proxyImpureEnvVars;
      nativeBuildInputs = [ curl ];
      SSL_CERT_FILE = "${cacert}/etc/ssl/certs/ca-bundle.crt";
      dontUnpack = true;
      buildPhase = ''
        curl --fail --silent --show-error --location --retry 3 --output $out "$(cat ${registry})${name}/-/${file}"
      '';
      dontInstall = true;
      dontFixup = true;
    };

  linesOf =
    path:
    let
      bin = locked.${path}.bin or { };
      folder = builtins.head (partsOf path);
      program = name: "program ${folder}.bin/${name} ${path} ${bin.${name}}";
    in
    [ "package ${path} ${tarballOf path}" ] ++ map program (builtins.attrNames bin);
in
stdenvNoCC.mkDerivation {
  name = "certlet-dependencies";
  dontUnpack = true;
  plan = lib.concatStringsSep "\n" (builtins.concatLists (map linesOf wanted) ++ [ "" ]);
  passAsFile = [ "plan" ];
  buildPhase = ''
    runHook preBuild
    mkdir -p $out
    cd $out
    while read -r kind place what program; do
      case $kind in
        package)
          mkdir -p "$place"
          tar --extract --gzip --file "$what" --directory "$place" --strip-components=1 --no-same-owner
          ;;
        program)
          mkdir -p "$(dirname "$place")"
          chmod 755 "$what/$program"
          ln -sfn --relative "$what/$program" "$place"
          ;;
      esac
    done < "$planPath"
    chmod -R u+rwX,go+rX node_modules
    mv node_modules/* node_modules/.bin .
    rmdir node_modules
    runHook postBuild
  '';
  # The packages as they were published: nothing stripped, no first line changed.
  dontFixup = true;
  dontInstall = true;
}
