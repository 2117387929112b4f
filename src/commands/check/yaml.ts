/**
 * What a check needs of the library that reads YAML, and no more. The build makes a file of its own of this module,
 * which is loaded when a manifest is read: a node's process never reads one.
 */
export { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from "yaml"
