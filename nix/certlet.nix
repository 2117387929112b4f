# The program: the bundle that `npm run build` makes, byte for byte, started by nixpkgs' Node.
{
  lib,
  stdenvNoCC,
  nodejs_24,
  util-linuxMinimal,
  findutils,
  makeWrapper,
  callPackage,
}:
let
  source =
    files:
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions files;
    };
  dependencies = callPackage ./dependencies.nix { };
  node = callPackage ./node.nix { };
in
stdenvNoCC.mkDerivation (finalAttrs: {
  pname = "certlet";
  inherit (lib.importJSON ../package.json) version;
  src = source [
    ../src
    ../build.ts
    ../package.json
    ../package-lock.json
    ../k8s/image
    ../tsconfig.json
    ../tsconfig.library.json
    ./compileCache.ts
  ];
  nativeBuildInputs = [
    nodejs_24
    makeWrapper
  ];

  # A copy: through a link the bundler would see the store's paths, and what it writes of them would keep all of it
  # alive.
  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR
    cp -r ${dependencies} node_modules
    chmod -R u+w node_modules
    node build.ts
    runHook postBuild
  '';

  # Not executable: a patched first line would bring npm and a shell along.
  installPhase = ''
    runHook preInstall
    install -D --mode=644 --target-directory=$out/lib/certlet dist/*.mjs dist/THIRD-PARTY-LICENSES.txt dist/sbom.cdx.json
    ${node}/bin/node --hash-seed=1 --preserve-symlinks nix/compileCache.ts \
      $out/lib/certlet/{certlet.mjs,compile-cache}
    makeWrapper ${node}/bin/node $out/bin/certlet \
      --set-default NODE_COMPILE_CACHE $out/lib/certlet/compile-cache \
      --set-default NODE_COMPILE_CACHE_PORTABLE 1 \
      --add-flags $out/lib/certlet/certlet.mjs \
      --suffix PATH : ${util-linuxMinimal.mount}/bin:${findutils}/bin
    runHook postInstall
  '';

  # The check's own user would leave a cache of its own beside the one that is shipped.
  doInstallCheck = true;
  installCheckPhase = ''
    NODE_DISABLE_COMPILE_CACHE=1 $out/bin/certlet --version | grep -F "$version"
  '';

  disallowedReferences = [
    dependencies
    nodejs_24
  ];
  passthru = {
    inherit dependencies node;
    # Needs a virtual machine: `nix build .#default.tests.service`.
    tests.service = callPackage ./serviceTest.nix { certlet = finalAttrs.finalPackage; };
  };
  meta = {
    description = "CSI driver that gives every pod its own short-lived certificate from cert-manager";
    homepage = "https://github.com/certlet/certlet";
    changelog = "https://github.com/certlet/certlet/blob/v${finalAttrs.version}/CHANGELOG.md";
    license = lib.licenses.asl20;
    sourceProvenance = [ lib.sourceTypes.fromSource ];
    mainProgram = "certlet";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
})
