/**
 * Which Java opens which keystore: truststores without a password, of both kinds and as every program may ask for them,
 * and the newest profile of PKCS#12, which only the newest Java knows. The table in k8s/attributes.md says the same.
 */
import { writeFileSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describeWhere } from "../kit/needs.ts"
import { makeAuthority } from "./authority.ts"
import { keys } from "./keys.ts"
import { filesFor, layOut } from "./layOut.ts"
import { consumers, isPresent, run } from "./programs.ts"

const javaIsPresent = isPresent("javac", "-version") && isPresent("keytool", "-help")

/** 17 for "javac 17.0.15". */
const javaVersion = async (): Promise<number> =>
  Number.parseInt((await run("javac", "-version")).replace("javac ", ""), 10)

const stores = {
  "pkcs12-enable": "true",
  "pkcs12-password": "changeit",
  "jks-enable": "true",
  "jks-password": "changeit",
  "truststore-enable": "true"
}

const filesOf = async (attributes: Readonly<Record<string, string>>) => {
  const { leaf } = await makeAuthority()
  const [parameters, own] = keys["P-256"]
  return Effect.runSync(filesFor({ ...own, ...stores, ...attributes }, await leaf(parameters)))
}

/** What Java finds in stores: of each a type, a file and a password. */
const opened = async (
  attributes: Readonly<Record<string, string>>,
  asked: ReadonlyArray<readonly [type: string, file: string, password: string]>
) =>
  layOut(await filesOf(attributes), async (path) => {
    writeFileSync(path("list"), asked.map(([type, file, password]) => `${type} ${path(file)} ${password}`).join("\n"))
    return (await run("java", `${consumers}/Opens.java`, path("list"))).trim().split("\n")
  })

describeWhere(javaIsPresent, "needs a JDK")("Java", () => {
  it("opens a truststore without a password, of either kind, with none and with an empty one", async () => {
    const asked = ["PKCS12 truststore.p12", "JKS truststore.jks"].flatMap((store) => {
      const [type = "", file = ""] = store.split(" ")
      return [[type, file, "null"] as const, [type, file, "empty"] as const]
    })
    expect(await opened({ "truststore-passwordless": "true", "pkcs12-profile": "Modern2023" }, asked)).toEqual(
      asked.map(() => "ca 1")
    )
  }, 60_000)

  it("opens a JKS truststore with a password also with none, and a PKCS#12 one finds nothing then", async () => {
    const asked = [
      ["JKS", "truststore.jks", "null"],
      ["JKS", "truststore.jks", "empty"],
      ["JKS", "truststore.jks", "changeit"],
      ["PKCS12", "truststore.p12", "null"],
      ["PKCS12", "truststore.p12", "changeit"]
    ] as const
    expect(await opened({ "pkcs12-profile": "Modern2023" }, asked)).toEqual(["ca 1", "closed", "ca 1", " 0", "ca 1"])
  }, 60_000)

  it("lists a JKS truststore without a password with keytool", async () => {
    await layOut(await filesOf({ "truststore-passwordless": "true" }), async (path) => {
      for (const store of ["truststore.jks", "truststore.p12"]) {
        const listed = await run("keytool", "-list", "-keystore", path(store), "-storepass", "")
        expect(listed).toContain("Your keystore contains 1 entry")
      }
    })
  }, 60_000)

  it("opens PKCS#12 of the profile Modern2026 from version 26 on, and says so before it", async () => {
    const [found] = await opened({ "pkcs12-profile": "Modern2026" }, [["PKCS12", "truststore.p12", "changeit"]])
    expect(found).toBe((await javaVersion()) >= 26 ? "ca 1" : "closed")
  }, 60_000)
})
