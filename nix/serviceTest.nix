# A NixOS machine with the module and an API server: certlet starts as a service, finds the API server, offers its
# sockets and answers its command line. It needs a virtual machine, so it is one of the package's tests and no check of
# the flake.
{ testers, certlet }:
testers.runNixOSTest {
  name = "certlet";
  nodes.machine = {
    imports = [ ./module.nix ];
    virtualisation.memorySize = 2048;
    # An API server alone: no kubelet and no container, so that no image is fetched.
    services.k3s = {
      enable = true;
      role = "server";
      extraFlags = [
        "--disable-agent"
        "--disable=coredns,local-storage,metrics-server,servicelb,traefik"
      ];
    };
    services.certlet = {
      enable = true;
      package = certlet;
      nodeName = "machine";
      kubeconfig = "/etc/rancher/k3s/k3s.yaml";
    };
    # k3s writes the kubeconfig; the service starts again until it is there.
    systemd.services.certlet = {
      after = [ "k3s.service" ];
      serviceConfig.RestartSec = 2;
    };
  };
  testScript = ''
    socket = "/var/lib/kubelet/plugins/csi.cert-manager.io/csi.sock"
    machine.wait_for_file("/etc/rancher/k3s/k3s.yaml")
    machine.wait_until_succeeds(f"test -S {socket}")
    machine.wait_for_unit("certlet.service")
    machine.succeed("certlet status")
    machine.succeed("certlet --version | grep -F '${certlet.version}'")
    machine.succeed("systemctl kill --signal=KILL certlet.service")
    machine.wait_until_succeeds(f"test -S {socket} && certlet status")
  '';
}
