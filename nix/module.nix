# certlet as a service of a NixOS machine that is a node of a cluster: for test clusters, where a DaemonSet is one thing
# too many. The rights, the CSIDriver object and a kubeconfig are the cluster's to bring (k8s/certlet.yaml).
{
  config,
  lib,
  utils,
  ...
}:
let
  cfg = config.services.certlet;
  plugin = "/var/lib/kubelet/plugins/csi.cert-manager.io";
in
{
  options.services.certlet = {
    enable = lib.mkEnableOption "certlet, which gives this node's pods their certificates";
    package = lib.mkOption {
      type = lib.types.package;
      defaultText = lib.literalExpression "certlet.packages.\${system}.default";
      description = "The certlet that runs, and whose commands the machine's users have.";
    };
    nodeName = lib.mkOption {
      type = lib.types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "The node's name in the cluster.";
    };
    kubeconfig = lib.mkOption {
      type = lib.types.path;
      description = "The kubeconfig with which certlet asks for certificates; it is not copied into the store.";
    };
    extraFlags = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "--log-level=3" ];
      description = "More flags of `certlet run`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    systemd.tmpfiles.rules = [ "d ${plugin} 0750 root root" ];
    # Nothing here may give the service mounts of its own: pods see what it mounts because the host does.
    systemd.services.certlet = {
      description = "certificates for the pods of this node";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      # As in k8s/certlet.yaml, and so are the capabilities and the memory below.
      environment = {
        MALLOC_ARENA_MAX = "2";
        MALLOC_MMAP_THRESHOLD_ = "65536";
        MALLOC_TRIM_THRESHOLD_ = "131072";
      };
      serviceConfig = {
        ExecStart = utils.escapeSystemdExecArgs (
          [
            (lib.getExe cfg.package)
            "run"
            "--node-id=${cfg.nodeName}"
            "--endpoint=unix://${plugin}/csi.sock"
            "--kubelet-root-dir=/var/lib/kubelet"
            "--kubeconfig=${toString cfg.kubeconfig}"
          ]
          ++ cfg.extraFlags
        );
        Restart = "always";
        # The records outlive a restart, as they outlive the container.
        RuntimeDirectory = "certlet";
        RuntimeDirectoryMode = "0700";
        RuntimeDirectoryPreserve = true;
        # What mounting and giving files away needs, and a limit that counts the pods' files too.
        CapabilityBoundingSet = "CAP_SYS_ADMIN CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE";
        MemoryMax = "512M";
        TimeoutStopSec = 30;
      };
    };
  };
}
