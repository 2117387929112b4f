# A stand-in for nixpkgs, for a machine that cannot fetch it: only the functions and packages that certlet's flake asks for, made of
# the programs of this machine. What they take and what they make has the shape of the real ones; how they make it is as simple
# as it can be. `host.json` says where this machine's programs are.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
        "x86_64-darwin"
      ];
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs systems (system: import ./packages.nix { inherit lib system; });
    };
}
