{
  description = "certlet: a CSI driver that gives every pod its own short-lived certificate from cert-manager";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      each = systems: make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      # What runs on a node is Linux's; who works on it may sit anywhere.
      nodes = each [ "x86_64-linux" "aarch64-linux" ];
      desks = each [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" "x86_64-darwin" ];
      certlet = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system}.default;
    in
    {
      packages = nodes (pkgs: rec {
        default = pkgs.callPackage ./nix/certlet.nix { };
        # For `docker load`, `podman load` or `ctr images import`.
        image = pkgs.callPackage ./nix/image.nix { certlet = default; };
        # The same as a script that writes it: `$(nix build --print-out-paths .#image-stream) | docker load`.
        image-stream = pkgs.callPackage ./nix/image.nix {
          certlet = default;
          stream = true;
        };
      });

      apps = nodes (pkgs: {
        default = {
          type = "app";
          program = "${certlet pkgs}/bin/certlet";
        };
        demo = {
          type = "app";
          program = toString (pkgs.writeShellScript "certlet-demo" ''exec ${certlet pkgs}/bin/certlet demo "$@"'');
        };
      });

      checks = nodes (
        pkgs:
        pkgs.callPackage ./nix/checks.nix {
          inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) default image;
        }
      );

      devShells = desks (pkgs: { default = pkgs.callPackage ./nix/shell.nix { }; });

      formatter = desks (pkgs: pkgs.nixfmt-tree);

      overlays.default = final: _: {
        certlet = final.callPackage ./nix/certlet.nix { };
        certlet-image = final.callPackage ./nix/image.nix { };
      };

      nixosModules.default =
        { pkgs, ... }:
        {
          imports = [ ./nix/module.nix ];
          services.certlet.package = lib.mkDefault (certlet pkgs);
        };
    };
}
