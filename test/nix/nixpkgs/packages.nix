# nixpkgs' packages, as far as certlet asks for them. Programs that are only named in a search path are this machine's own; what goes
# into an image (Node, mount, their libraries) is copied and told by patchelf to look for its libraries in the store alone.
{ lib, system }:
let
  host = lib.importJSON ./host.json;

  # Takes the attributes, or a function of what they come to.
  mkDerivation = given: if builtins.isFunction given then fixed given else plain given;
  fixed =
    make:
    let
      attrs = make (attrs // { inherit finalPackage; });
      finalPackage = plain attrs;
    in
    finalPackage;
  plain =
    attrs:
    let
      identity = if attrs ? pname then { name = "${attrs.pname}-${attrs.version}"; } else { };
      drv = derivation (
        {
          inherit system;
          outputs = [ "out" ];
          builder = "/bin/bash";
          args = [
            "-e"
            ./builder.sh
          ];
        }
        // identity
        // builtins.removeAttrs attrs [
          "meta"
          "passthru"
        ]
      );
    in
    drv // (attrs.passthru or { }) // { meta = attrs.meta or { }; } // (if attrs ? version then { inherit (attrs) version; } else { });

  runCommand =
    name: attrs: command:
    mkDerivation (
      attrs
      // {
        inherit name;
        buildPhase = command;
        dontFixup = true;
      }
    );

  text =
    name: executable: content:
    runCommand name { inherit content; passAsFile = [ "content" ]; } ''
      mkdir -p "$(dirname "$out")"
      install -m ${if executable then "755" else "644"} "$contentPath" "$out"
    '';

  # A library's package: the loader's for the loader, else what the programs below were linked against.
  libraries =
    name: files:
    runCommand name { } ''
      mkdir -p $out/lib
      for file in ${toString files}; do cp -L "$file" $out/lib/; done
    '';
  glibc = libraries "glibc" host.glibc;
  gccLibraries = libraries "gcc-lib" host.gcc;
  toolLibraries = libraries "tool-libraries" host.toolLibraries;

  programs =
    name: files: needed:
    runCommand name { } ''
      mkdir -p $out/bin
      for file in ${toString files}; do
        install -m 755 "$file" $out/bin/
        patchelf --set-interpreter ${glibc}/lib/${builtins.baseNameOf (builtins.head host.glibc)} \
          --force-rpath --set-rpath ${lib.makeLibraryPath needed} $out/bin/"$(basename "$file")"
      done
    '';

  pkgs = rec {
    inherit lib runCommand glibc;
    stdenvNoCC = {
      inherit mkDerivation;
      hostPlatform = {
        inherit system;
        isLinux = builtins.match ".*-linux" system != null;
      };
    };
    stdenv = stdenvNoCC // {
      cc.cc.lib = gccLibraries;
    };
    callPackage =
      path: given:
      let
        function = import path;
      in
      function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // given);

    # As nixpkgs' Node it names what it was built with.
    nodejs-slim_24 = runCommand "nodejs-slim-24" { } ''
      cp -r ${programs "nodejs-slim-24-alone" [ host.node ] [ glibc gccLibraries ]} $out
      chmod -R u+w $out
      echo ${toolchain} >> $out/bin/node
    '';
    toolchain = runCommand "gcc-14" { } "install -D --mode=755 /bin/bash $out/bin/bash";
    # nuke-refs [-e STORE-PATH]... FILE...: overwrites the hashes of all other store paths.
    nukeReferences = runCommand "nuke-references" { } ''
      install -D --mode=755 ${./nukeReferences.sh} $out/bin/nuke-refs
    '';
    # With npm, which asks the registry that this machine asks.
    nodejs_24 = runCommand "nodejs-24" { } ''
      mkdir -p $out/bin $out/lib/node_modules
      ln -s ${nodejs-slim_24}/bin/node $out/bin/node
      cp -r ${host.npm} $out/lib/node_modules/npm
      chmod -R u+w $out/lib
      printf '%s\n' 'registry=${host.registry}' 'cafile=${host.authorities}' >> $out/lib/node_modules/npm/npmrc
      ln -s ../lib/node_modules/npm/bin/npm-cli.js $out/bin/npm
    '';
    util-linuxMinimal = programs "util-linux" host.setpriv [ glibc toolLibraries ] // {
      mount = programs "util-linux-mount" host.mount [ glibc toolLibraries ];
    };
    findutils = programs "findutils" host.xargs [ glibc toolLibraries ];
    cacert = runCommand "cacert" { } ''
      install -D -m 644 ${host.authorities} $out/etc/ssl/certs/ca-bundle.crt
    '';
    makeWrapper = text "make-wrapper" false (builtins.readFile ./makeWrapper.sh);

    writeShellScript = name: script: text name true "#!/bin/bash\n${script}\n";
    writeShellScriptBin = name: script: runCommand name { } "install -D ${writeShellScript name script} $out/bin/${name}";
    mkShellNoCC =
      attrs:
      mkDerivation (
        builtins.removeAttrs attrs [ "packages" ]
        // {
          name = "shell";
          # What `nix develop` reads before it looks at the variables.
          stdenv = runCommand "stdenv" { } "install -D ${./shell.sh} $out/setup";
          nativeBuildInputs = attrs.packages;
          buildPhase = "touch $out";
          dontFixup = true;
        }
      );
    dockerTools = {
      buildLayeredImage = import ./image.nix { inherit runCommand text system; };
      streamLayeredImage =
        given: writeShellScript "stream-${given.name}" "gzip --decompress --stdout ${dockerTools.buildLayeredImage given}";
    };
    # The machines are not started: that needs more than a stand-in.
    testers.runNixOSTest =
      test:
      runCommand "vm-test-run-${test.name}" {
        inherit (test) testScript;
        passAsFile = [ "testScript" ];
      } "install -D --mode=644 $testScriptPath $out/testScript.py" // {
        inherit (test) nodes;
      };
  }
  // lib.genAttrs [
    "chromium"
    "curl"
    "git"
    "go_1_26"
    "haproxy"
    "jdk_headless"
    "jq"
    "nixfmt-tree"
    "openssl"
    "patchelf"
    "postgresql"
    "procps"
    "python3"
    "util-linux"
  ] (name: runCommand name { } "mkdir -p $out/bin");
in
pkgs
