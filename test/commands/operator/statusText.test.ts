import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { NodeStatus } from "../../../src/admin/AdminApi.ts"
import { statusDetails, statusSummary, statusTable } from "../../../src/commands/operator/statusText.ts"
import type { VolumeStatus } from "../../../src/driver/VolumeStatus.ts"

const at = (hours: number) => DateTime.makeUnsafe(hours * 3_600_000)

const volumeStatus = (pod: string, change: Partial<VolumeStatus> = {}): VolumeStatus => ({
  volumeId: `csi-${pod}`,
  target: `/var/lib/kubelet/pods/uid-${pod}/volumes/kubernetes.io~csi/tls/mount`,
  pod: { namespace: "apps", name: pod, uid: `uid-${pod}` },
  issuer: { name: "ca", kind: "ClusterIssuer", group: "cert-manager.io" },
  names: [`${pod}.apps.svc`],
  state: "Ready",
  certificate: {
    requestName: `request-${pod}`,
    serialNumber: "0A1B",
    notBefore: at(0),
    renewAt: at(16),
    notAfter: at(24)
  },
  ...change
})

const node = (volumes: ReadonlyArray<VolumeStatus>): NodeStatus => ({
  version: "0.1.0",
  node: "node-1",
  driver: "csi.cert-manager.io",
  at: at(10),
  complaints: [],
  volumes
})

const failure = {
  sentence: "CertificateRequest apps/r:\nit was denied",
  advice: "change the policy",
  temper: "refused",
  failures: 3,
  at: at(9.5),
  nextTry: at(10.25)
} as const
const failing = volumeStatus("mail", {
  state: "Failing",
  names: ["mail.apps.svc", "mail", "imap.example", "smtp.example"],
  failure
})
const { certificate: _, ...unfilled } = volumeStatus("new", {
  state: "Issuing",
  names: [],
  pending: { requestName: "request-new", since: DateTime.subtract(at(10), { minutes: 3 }), waitsFor: "approval" }
})

const wide = Number.POSITIVE_INFINITY
const plainly = (_: unknown, text: string) => text

describe("the table of volumes", () => {
  it.each([wide, 60, 44])(
    "at %s columns has the states in colour and nothing else, and stands where it stood",
    (width) => {
      const volumes = [volumeStatus("web"), failing, unfilled]
      const table = statusTable(node(volumes), { layout: "plain", width, paint: (style, text) => `<${style}:${text}>` })
      const found = [...table.matchAll(/<(\w+):(\w+)>/g)].map(([, style, text]) => `${text} ${style}`)
      expect(found.toSorted()).toEqual(["Failing red", "Issuing yellow", "Ready green"])
      const plain = statusTable(node(volumes), { layout: "plain", width, paint: plainly })
      expect(table.replaceAll(/<\w+:(\w+)>/g, "$1")).toBe(plain)
    }
  )

  it("is aligned, in order, one line for each, whatever stands in it", () => {
    expect(
      statusTable(node([volumeStatus("web"), unfilled, failing]), { layout: "plain", width: wide, paint: plainly })
    ).toBe(
      [
        "POD         VOLUME   ISSUER             NAMES                   STATE     EXPIRES   RENEWAL   LAST ERROR",
        "apps/mail   tls      ClusterIssuer/ca   mail.apps.svc,mail +2   Failing   in 14h    in 15m    CertificateRequest apps/r: it was denied; change the policy",
        "apps/new    tls      ClusterIssuer/ca   -                       Issuing   -         -         CertificateRequest apps/request-new waits for approval, 3m so far",
        "apps/web    tls      ClusterIssuer/ca   web.apps.svc            Ready     in 14h    in 6h     -",
        ""
      ].join("\n")
    )
  })

  it("says of a certificate that it expires before its renewal", () => {
    const held = { requestName: "r", serialNumber: "1", notBefore: at(9), notAfter: at(10.1), renewAt: at(10.1) }
    const table = (state: "Ready" | "Renewing") =>
      statusTable(node([volumeStatus("brief", { state, certificate: held })]), {
        layout: "plain",
        width: wide,
        paint: plainly
      })
    expect(table("Ready")).toContain("   the certificate expires before it is renewed; set a longer duration")
    expect(table("Renewing")).not.toContain("longer duration")
  })

  it.each([40, 60, 80, 120, 200])(
    "has pod, state, expiry and last error whole on a terminal of %i columns",
    (width) => {
      const long = volumeStatus("payments-api-7f9c5d8b66-x8k2p", {
        state: "Failing",
        failure: { ...failure, sentence: "CertificateRequest apps/7f2c9a4e: the issuer is gone" }
      })
      const lines = statusTable(node([long, failing, volumeStatus("web")]), {
        layout: "plain",
        width: width,
        paint: plainly
      })
        .trimEnd()
        .split("\n")
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
      const text = lines.map((line) => line.trim()).join(" ")
      for (const word of ["apps/mail", "Failing", "in 14h", "Ready", "apps/web"]) expect(text).toContain(word)
      const letters = lines.join("").replaceAll(/\s/g, "")
      expect(letters).toContain("apps/payments-api-7f9c5d8b66-x8k2p")
      for (const word of "the issuer is gone; change the policy".split(" ")) expect(text).toContain(word)
    }
  )

  it("wraps sentences, and goes without the columns that are worth least, as far as a terminal is narrow", () => {
    const mail = { ...failing, names: ["mail.apps.svc"] }
    expect(statusTable(node([mail, volumeStatus("web")]), { layout: "plain", width: 80, paint: plainly })).toBe(
      [
        "POD         VOLUME   STATE     EXPIRES   LAST ERROR",
        "apps/mail   tls      Failing   in 14h    CertificateRequest apps/r: it was",
        "                                         denied; change the policy",
        "apps/web    tls      Ready     in 14h    -",
        ""
      ].join("\n")
    )
    expect(statusTable(node([mail, volumeStatus("web")]), { layout: "plain", width: 50, paint: plainly })).toBe(
      [
        "POD         VOLUME   STATE     EXPIRES   RENEWAL",
        "  LAST ERROR",
        "apps/mail   tls      Failing   in 14h    in 15m",
        "  CertificateRequest apps/r: it was denied; change",
        "  the policy",
        "apps/web    tls      Ready     in 14h    in 6h",
        ""
      ].join("\n")
    )
  })

  it("of a thousand volumes has a thousand lines and a heading, all columns under each other", () => {
    const many = Array.from({ length: 1000 }, (_, i) => volumeStatus(`web-${i}`))
    const lines = statusTable(node(many), { layout: "plain", width: wide, paint: plainly }).trimEnd().split("\n")
    expect(lines).toHaveLength(1001)
    const [heading = "", ...rows] = lines
    for (const row of rows) expect(row.indexOf("Ready")).toBe(heading.indexOf("STATE"))
    expect(statusSummary(node(many))).toBe(
      "1000 volumes on node node-1: 1000 Ready; the first certificate ends in 14h\n"
    )
  })

  it("is empty where there is nothing, and the summary says so", () => {
    expect(statusTable(node([]), { layout: "plain", width: wide, paint: plainly })).toBe("")
    expect(statusSummary(node([]))).toBe("no volumes on node node-1\n")
  })

  it("says what is wrong with the files, and what was ignored where nothing is wrong", () => {
    const last = (change: Partial<VolumeStatus>) => {
      const [, line = ""] = statusTable(node([volumeStatus("web", change)]), {
        layout: "plain",
        width: wide,
        paint: plainly
      }).split("\n")
      return line.slice(line.indexOf("in 6h") + 10)
    }
    const harm = "the volume's mount is gone"
    expect(last({ state: "Lost", harm })).toBe(harm)
    expect(last({ state: "Lost", harm, refused: "no; correct it" })).toBe(`${harm}; no; correct it`)
    const ignored = "csi.cert-manager.io/renew-before: is ignored"
    expect(last({ remarks: [ignored] })).toBe(ignored)
    expect(last({ remarks: [ignored, "another", "one more"] })).toBe(`${ignored} (and 2 more)`)
  })

  it("has absolute times and every name where it is wide", () => {
    const [, line = ""] = statusTable(node([failing]), { layout: "wide", width: wide, paint: plainly }).split("\n")
    expect(line).toContain("mail.apps.svc,mail,imap.example,smtp.example")
    expect(line).toContain("1970-01-02T00:00:00Z")
    expect(line).toContain("ClusterIssuer.cert-manager.io/ca")
    expect(line).toContain("csi-mail")
  })
})

describe("the summary", () => {
  it("says that the data root is on a disk, and what that means", () => {
    const summary = statusSummary({ ...node([volumeStatus("web")]), dataRootOnDisk: true })
    expect(summary).toContain("the data root is on a disk, so pending requests are asked for again after a restart")
    expect(statusSummary(node([volumeStatus("web")]))).not.toContain("disk")
  })

  it("says of how many volumes it speaks where some are left out", () => {
    expect(statusSummary(node([failing]), 40)).toMatch(/^1 of 40 volumes on node node-1: 1 Failing; /)
    expect(statusSummary(node([]), 40)).toBe("none of 40 volumes on node node-1 is shown\n")
  })

  it("counts by state, the worst first, and says what certlet complains of", () => {
    const expired = volumeStatus("old", { state: "Expired" })
    const status = node([volumeStatus("web"), failing, expired])
    const complaints = [{ check: "watch CertificateRequests", complaint: "broken for 31 s: reset" }]
    expect(statusSummary({ ...status, complaints })).toBe(
      "3 volumes on node node-1: 1 Expired, 1 Failing, 1 Ready; the first certificate ends in 14h\n" +
        "certlet is not ready: watch CertificateRequests: broken for 31 s: reset\n"
    )
  })
})

describe("a volume in detail", () => {
  it("says everything that is known of it", () => {
    expect(statusDetails([failing], at(10))).toBe(`Pod apps/mail, volume tls
  State:        Failing
  Issuer:       ClusterIssuer ca (cert-manager.io)
  Names:        mail.apps.svc, mail, imap.example, smtp.example
  Certificate:  request request-mail, serial 0A1B
  From:         1970-01-01T00:00:00Z
  Until:        1970-01-02T00:00:00Z (in 14h)
  Renewal:      1970-01-01T16:00:00Z (in 6h)
  Last error:   CertificateRequest apps/r: it was denied
  What to do:   change the policy
  Failures:     3 in a row, the last 30m ago (refused)
  Next try:     1970-01-01T10:15:00Z (in 15m)
  Pod UID:      uid-mail
  Volume ID:    csi-mail
  Target:       /var/lib/kubelet/pods/uid-mail/volumes/kubernetes.io~csi/tls/mount
`)
  })

  it("says the key, the files, where passwords come from, and what is wrong with the mount", () => {
    const whole = volumeStatus("java", {
      state: "Lost",
      harm: "the mount is gone",
      key: { algorithm: "ECDSA", size: 384 },
      files: { names: ["ca.crt", "tls.crt", "keystore.p12"], mode: "0440" },
      keystores: [
        { kind: "pkcs12", file: "keystore.p12", truststore: "t.p12", password: "the attribute pkcs12-password" }
      ]
    })
    const text = statusDetails([whole], at(10))
    expect(text).toContain(
      "  Key:          ECDSA, 384 bits\n  Files:        ca.crt, tls.crt, keystore.p12 (mode 0440)\n"
    )
    expect(text).toContain(
      "  Keystore:     pkcs12, file keystore.p12, truststore t.p12; password: the attribute pkcs12-password\n"
    )
    expect(text).toContain("  Harm:         the mount is gone\n")
    expect(statusDetails([volumeStatus("ed", { key: { algorithm: "Ed25519" } })], at(10))).toContain("Ed25519\n")
  })

  it("says the issuer's own words while its signature is waited for, and what to do", () => {
    const pending = {
      requestName: "r",
      since: at(9),
      waitsFor: "signature",
      message: "the order is\npending",
      advice: "look at the issuer"
    } as const
    const waits = volumeStatus("web", { state: "Renewing", pending })
    const text = statusDetails([waits], at(10))
    expect(text).toContain("  Issuer says:  the order is pending\n  What to do:   look at the issuer\n")
    expect(statusTable(node([waits]), { layout: "plain", width: wide, paint: plainly })).toContain(
      "CertificateRequest apps/r waits for signature, 1h so far: the order is pending; look at the issuer\n"
    )
  })

  it("says whom a first certificate waits for", () => {
    const text = statusDetails([unfilled], at(10))
    expect(text).toContain("Certificate:  none yet\n")
    expect(text).toContain("Waiting:      CertificateRequest apps/request-new waits for approval, 3m so far\n")
  })
})
