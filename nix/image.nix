# The image of the DaemonSet: Node, what Node needs, the few programs that certlet and its manifest start, the CA roots
# and certlet. There is no shell in it, no package manager and no npm. Each store path is a layer of its own, and
# certlet is in the last one: an update ships that only. With `stream` the result is a script that writes the archive,
# for a store that need not hold it.
{
  lib,
  dockerTools,
  certlet,
  util-linuxMinimal,
  findutils,
  cacert,
  stream ? false,
}:
(if stream then dockerTools.streamLayeredImage else dockerTools.buildLayeredImage) {
  name = "certlet";
  tag = certlet.version;
  created = "1970-01-01T00:00:01Z";
  # certlet is copied out of its store path, which would be a layer before the last, and setpriv out of the one with all
  # the rest of util-linux. The program starts by the kernel's reading of its first line: without a shell and without a
  # wrapper, also for `kubectl exec`.
  extraCommands = ''
    mkdir -p bin lib etc/ssl/certs
    ln -s ${util-linuxMinimal.mount}/bin/{mount,umount} ${findutils}/bin/xargs bin
    cp ${lib.getBin util-linuxMinimal}/bin/setpriv bin
    ln -s ${cacert}/etc/ssl/certs/ca-bundle.crt etc/ssl/certs
    cp -r ${certlet}/lib/certlet lib/certlet
    printf '%s\n' '#!${certlet.node}/bin/node' 'import "/lib/certlet/certlet.mjs"' > bin/certlet
    chmod 755 bin/certlet lib/certlet
  '';
  config = {
    Entrypoint = [ "/bin/certlet" ];
    Env = [
      "PATH=/bin"
      "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"
      "NODE_COMPILE_CACHE=/lib/certlet/compile-cache"
      "NODE_COMPILE_CACHE_PORTABLE=1"
    ];
    Labels = {
      "org.opencontainers.image.title" = "certlet";
      "org.opencontainers.image.description" = certlet.meta.description;
      "org.opencontainers.image.version" = certlet.version;
      "org.opencontainers.image.licenses" = "Apache-2.0";
    };
  };
}
