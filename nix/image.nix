# The image of the DaemonSet: Node, what Node needs, mount and umount, the CA roots and certlet. There is no shell in it, no
# package manager and no npm. Each store path is a layer of its own, and certlet is in the last one: an update ships that only.
{
  dockerTools,
  certlet,
  nodejs-slim_24,
  util-linuxMinimal,
  cacert,
}:
dockerTools.buildLayeredImage {
  name = "certlet";
  tag = certlet.version;
  created = "1970-01-01T00:00:01Z";
  contents = [
    util-linuxMinimal.mount
    cacert
  ];
  # certlet is copied out of its store path, which would be a layer before the last. The program starts by the kernel's reading
  # of its first line, so that `kubectl exec ... -- certlet` works too, without a shell and without a wrapper.
  extraCommands = ''
    mkdir -p bin lib
    cp -r ${certlet}/lib/certlet lib/certlet
    printf '%s\n' '#!${nodejs-slim_24}/bin/node' 'import "/lib/certlet/certlet.mjs"' > bin/certlet
    chmod 755 bin/certlet lib/certlet
  '';
  config = {
    Entrypoint = [ "/bin/certlet" ];
    Env = [
      "PATH=/bin"
      "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"
    ];
    Labels = {
      "org.opencontainers.image.title" = "certlet";
      "org.opencontainers.image.description" = certlet.meta.description;
      "org.opencontainers.image.version" = certlet.version;
      "org.opencontainers.image.licenses" = "Apache-2.0";
    };
  };
}
