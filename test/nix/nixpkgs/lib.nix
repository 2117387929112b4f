# nixpkgs' library, as far as certlet asks for it.
let
  inherit (builtins)
    any
    concatLists
    concatStringsSep
    filter
    fromJSON
    isList
    listToAttrs
    map
    readFile
    stringLength
    substring
    ;
  isBelow = top: path: path == top || substring 0 (stringLength top + 1) path == "${top}/";
  # An option is what it says of itself; a type says how to check a value of it.
  type = check: { inherit check; };
in
rec {
  inherit concatStringsSep substring;
  genAttrs =
    names: make:
    listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );
  importJSON = path: fromJSON (readFile path);
  optionals = condition: list: if condition then list else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  makeLibraryPath = packages: concatStringsSep ":" (map (package: "${package}/lib") packages);
  getBin = package: package.bin or package;
  getExe = package: "${package}/bin/${package.meta.mainProgram}";
  cleanSource =
    path:
    builtins.path {
      name = "source";
      inherit path;
    };
  licenses.asl20.spdxId = "Apache-2.0";
  sourceTypes.fromSource.isSource = true;
  fetchers.proxyImpureEnvVars = [
    "http_proxy"
    "https_proxy"
    "no_proxy"
  ];

  # A file set is a list of paths here.
  fileset = {
    unions = files: concatLists (map (file: if isList file then file else [ file ]) files);
    toSource =
      { root, fileset }:
      builtins.path {
        name = "source";
        path = root;
        filter =
          path: _: any (file: isBelow (toString file) path || isBelow path (toString file)) fileset;
      };
  };

  types = {
    str = type builtins.isString;
    path = type (value: builtins.isPath value || builtins.isString value);
    bool = type builtins.isBool;
    package = type (value: value ? outPath);
    listOf = item: type (value: isList value && filter (one: !item.check one) value == [ ]);
  };
  literalExpression = text: { inherit text; };
  mkOption = option: option;
  mkEnableOption = what: {
    type = types.bool;
    default = false;
    description = "Whether to enable ${what}.";
  };
  mkDefault = value: value;
  mkIf = condition: content: optionalAttrs condition content;
}
