# dockerTools.buildLayeredImage: an archive for `docker load`, with a layer for each store path that is needed, what most others
# refer to first, and a last layer with what the extra commands have made.
{ runCommand, text, system }:
{
  name,
  tag,
  created,
  extraCommands,
  config,
}:
let
  deterministic = "--sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner --format=gnu";
  last = runCommand "${name}-customisation-layer" { } ''
    mkdir root $out
    (cd root; ${extraCommands})
    tar ${deterministic} -C root -cf $out/layer.tar .
  '';
  configuration = text "${name}-config.json" false (
    builtins.toJSON {
      inherit config created;
      architecture = if system == "aarch64-linux" then "arm64" else "amd64";
      os = "linux";
    }
  );
in
runCommand "${name}.tar.gz"
  {
    exportReferencesGraph = [
      "last"
      last
      "configuration"
      configuration
    ];
  }
  ''
    mkdir image
    addLayer() {
      sum=$(sha256sum "$1" | cut -d ' ' -f 1)
      mkdir -p image/$sum
      mv "$1" image/$sum/layer.tar
      echo $sum >> sums
    }
    cat ../last ../configuration | grep "^$NIX_STORE/" | grep -vxF -e ${last} -e ${configuration} | sort | uniq -c \
      | sort -k1,1nr -k2 | sed 's|^ *[0-9]* ||' > paths
    while read -r path; do
      tar ${deterministic} -C / -cf layer.tar "''${path#/}"
      addLayer layer.tar
    done < paths
    cp ${last}/layer.tar layer.tar
    addLayer layer.tar

    jq -R '"sha256:" + .' sums | jq -s > diffs
    jq -c --slurpfile diffs diffs '. + { rootfs: { type: "layers", diff_ids: $diffs[0] } }' ${configuration} > config.json
    sum=$(sha256sum config.json | cut -d ' ' -f 1)
    mv config.json image/$sum.json
    jq -R '. + "/layer.tar"' sums | jq -s --arg config $sum.json '[{ Config: $config, RepoTags: ["${name}:${tag}"], Layers: . }]' \
      > image/manifest.json
    tar ${deterministic} -C image -c $(ls image) | gzip -n > $out
  ''
