/**
 * Texts that once hung a node, grew its memory or made it say something untrue: by attack, by fuzzing, or because the
 * code they met looked as if they would. Each is read again at every test run, within the fuzzer's bounds of time and
 * memory.
 */
import { writePem } from "../../src/pki/Pem.ts"

const wrapped = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`
const requestLabel = "CERTIFICATE REQUEST"
const headers = `a: b\n${" a: b\n".repeat(60)}!`
const one = writePem("CERTIFICATE", new Uint8Array(900).fill(3))
const ofRequest = (certificate: string, ca = "") =>
  JSON.stringify({
    metadata: { name: "a", namespace: "b", uid: "c", resourceVersion: "1" },
    status: { conditions: [{ type: "Ready", status: "True" }], certificate: btoa(certificate), ca: btoa(ca) }
  })

/** A target and its input, under the name of what it did. */
export const findings: Readonly<Record<string, readonly [target: string, input: string]>> = {
  "header lines in status.certificate, over which a reader went back and forth for ever": [
    "request",
    ofRequest(wrapped(headers))
  ],
  "header lines in status.ca": ["request", ofRequest(one, wrapped(headers))],
  "a bundle of one block that is nothing but blanks": ["bundle", wrapped(" ".repeat(300_000))],
  "a bundle of blank lines": ["bundle", wrapped(" \n".repeat(400_000))],
  "a bundle of beginnings": ["bundle", "-----BEGIN CERTIFICATE-----".repeat(40_000)],
  "a bundle of dashes": ["bundle", "-".repeat(1_000_000)],
  "a block of one line of a megabyte": ["pem", wrapped("A".repeat(1_000_000))],
  "ten thousand organizations": ["context", `organizations\t${"a,".repeat(10_000)}`],
  "four hundred kilobytes of organizations": ["context", `organizations\t${"a,".repeat(200_000)}`],
  "an organization of 320 kB, which was called a failed key": ["context", `organizations\t${"a".repeat(320_000)}`],
  "a subject of six thousand attributes of one RDN": ["context", `literal-subject\t${"CN=a+".repeat(6500)}`],
  "a subject of nothing but escapes": ["context", `literal-subject\tCN=${"\\20".repeat(10_000)}`],
  "quotes that never end": ["attribute", `"${'""'.repeat(16_000)}`],
  "variables that begin and never end": ["attribute", "${".repeat(16_000)],
  "one variable three thousand times": ["attribute", "${POD_ANNOTATION:x}".repeat(1700)],
  "a duration of digits": ["duration", "1".repeat(1_000_000)],
  "a number with dots": ["duration", `${"1.".repeat(40)}h`],
  "fifty thousand keys": ["context", Array.from({ length: 50_000 }, (_, index) => `/a/${index}\t`).join("\n")],
  "a key of a megabyte": ["context", `/${"a-".repeat(500_000)}!/a\tb`],
  "tokens that nest": ["tokens", '{"":'.repeat(100_000)],
  "a list that nests": ["watch", "[".repeat(1_000_000)],
  "a record whose volume begins again and again": ["record", '"volumeId":"'.repeat(60_000)],
  "header lines in a signing request": ["signingRequest", wrapped(headers).replaceAll("CERTIFICATE", requestLabel)],
  "header lines in a block within a signing request": [
    "signingRequest",
    writePem(requestLabel, new TextEncoder().encode(wrapped(headers)))
  ],
  "a kubeconfig whose aliases multiply": [
    "kubeconfig",
    `a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(10)}]`).join("\n")}\n`
  ]
}
