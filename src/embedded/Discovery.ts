/**
 * What the embedded API server says of itself: its version, its groups, their resources, and as much OpenAPI as clients
 * need to know that the server looks at fields itself. Everything follows from the table of resources. Pure.
 */
import { Array as Arr } from "effect"
import { type Resource, resources } from "./Resource.ts"

const all: ReadonlyArray<Resource> = Object.values(resources)

/** The Kubernetes whose API this is. */
const minor = 34

const version = {
  major: "1",
  minor: String(minor),
  gitVersion: `v1.${minor}.0-certlet`,
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: "embedded"
}

const groups = Arr.dedupe(all.map(({ group }) => group).filter((group) => group !== ""))

const groupOf = (name: string) => {
  const versions = Arr.dedupe(all.filter(({ group }) => group === name).map((one) => one.version))
  const written = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: written, preferredVersion: written[0] }
}

const verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]

const entriesOf = ({ hasStatus, kind, namespaced, plural, shortNames, singular }: Resource) => [
  { name: plural, singularName: singular, namespaced, kind, verbs, shortNames },
  ...(hasStatus
    ? [{ name: `${plural}/status`, singularName: "", namespaced, kind, verbs: ["get", "patch", "update"] }]
    : [])
]

const roots = Arr.dedupe(all.map(({ root }) => root))

const under = (root: string): ReadonlyArray<Resource> => all.filter((one) => one.root === root)

const resourceList = (root: string) => ({
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: under(root)[0]?.apiVersion,
  resources: under(root).flatMap(entriesOf)
})

const parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map((name) => ({
  name,
  in: "query",
  schema: { type: "string", uniqueItems: true }
}))

const pathOf = ({ namespaced, plural, root }: Resource): string =>
  `${root}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}/{name}`

const openApiOf = (root: string) => ({
  openapi: "3.0.0",
  info: { title: "Kubernetes", version: version.gitVersion },
  components: { schemas: {} },
  paths: Object.fromEntries(
    under(root).map((resource) => {
      const { group, kind, version } = resource
      const patch = {
        parameters,
        responses: { "200": { description: "OK" } },
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": { group, kind, version }
      }
      return [pathOf(resource), { patch }]
    })
  )
})

const documents: Readonly<Record<string, unknown>> = {
  "/version": version,
  "/api": { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] },
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupOf) },
  ...Object.fromEntries(
    groups.map((name) => [`/apis/${name}`, { kind: "APIGroup", apiVersion: "v1", ...groupOf(name) }])
  ),
  ...Object.fromEntries(roots.map((root) => [root, resourceList(root)])),
  "/openapi/v2": { swagger: "2.0", info: { title: "Kubernetes", version: version.gitVersion }, paths: {} },
  "/openapi/v3": {
    paths: Object.fromEntries(roots.map((root) => [root.slice(1), { serverRelativeURL: `/openapi/v3${root}` }]))
  },
  ...Object.fromEntries(roots.map((root) => [`/openapi/v3${root}`, openApiOf(root)])),
  "/healthz": "ok",
  "/livez": "ok",
  "/readyz": "ok"
}

/** The document at a path; undefined if the server has no document there. */
export const discovered = (path: string): unknown => (Object.hasOwn(documents, path) ? documents[path] : undefined)
