# Node without what it was built with. nixpkgs' Node remembers the configuration of its own build, and with it the store
# paths of a compiler, headers and a shell; each of them would come into the image. In this copy only what the program
# loads is still named: its loader and the libraries of its search path. Everything else is overwritten, in place, so
# that nothing moves.
{
  runCommand,
  nodejs-slim_24,
  nukeReferences,
  patchelf,
}:
runCommand "certlet-node"
  {
    nativeBuildInputs = [
      nukeReferences
      patchelf
    ];
    meta.mainProgram = "node";
  }
  ''
    install -D --mode=755 ${nodejs-slim_24}/bin/node $out/bin/node
    needed=$(patchelf --print-interpreter $out/bin/node):$(patchelf --print-rpath $out/bin/node)
    kept=
    for path in ''${needed//:/ }; do kept="$kept -e $path"; done
    nuke-refs $kept $out/bin/node
    $out/bin/node --version
  ''
