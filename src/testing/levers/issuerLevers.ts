/**
 * The levers of a simulated cluster's issuers and of who approves for them, as its user pulls them and as incidents do.
 * In the examples `cluster` has the nodes node-1 and node-2, `pod` asks for certificates of an hour and runs on node-1,
 * and `assert` is `node:assert/strict`; each of them is run by the tests.
 */
import { type Duration, Effect, Option } from "effect"
import { builtIn, type IssuerName, issuerText } from "../../embedded/Issuers.ts"
import { timeOf, worded } from "./misuse.ts"
import { puller } from "./puller.ts"
import { type Behaviour, type TimedLevers, tell, type Workings } from "./TimedLevers.ts"

/** The levers of an issuer: of the one that every cluster has, or of one that was added. */
export const issuerLevers = (
  workings: Workings,
  levers: TimedLevers,
  issuer: IssuerName = builtIn,
  signer = workings.issuer
) => {
  const name = issuer === builtIn ? "" : `${issuerText(issuer)} `
  const change = (change: Partial<Behaviour>) => workings.controllers.behave(change, issuer)
  const pull = puller(workings, levers, { where: "issuer", name, change })
  return {
    /**
     * Nothing is signed for so long; afterwards everything that waits is.
     *
     * @example
     * yield* cluster.issuer.stall("20 minutes")
     * const late = yield* cluster.schedule()
     * yield* cluster.advance("19 minutes")
     * assert.equal(late.phase, "pending")
     * yield* cluster.advance("5 minutes")
     * assert.equal(late.phase, "running")
     */
    stall: (time: Duration.Input) => pull("signs nothing", "issuer", { issuer: "hold" }, time),
    /**
     * Nothing is approved for so long; afterwards everything that waits is.
     *
     * @example
     * yield* cluster.issuer.holdApproval("1 hour")
     * yield* cluster.schedule()
     * yield* cluster.advance("30 minutes")
     * assert.match(cluster.trace.lines().join(), /CertificateNotApproved/)
     */
    holdApproval: (time: Duration.Input) => pull("approves nothing", "approval", { approval: "hold" }, time),
    /**
     * Every request is denied for so long.
     *
     * @example
     * yield* cluster.issuer.deny("10 minutes")
     * const refused = yield* cluster.schedule()
     * yield* cluster.advance("5 minutes")
     * assert.equal(refused.phase, "pending")
     */
    deny: (time: Duration.Input) => pull("denies every request", "approval", { approval: { deny: "by policy" } }, time),
    /**
     * Every request fails for so long.
     *
     * @example
     * const before = yield* cluster.exec(pod)
     * yield* cluster.issuer.fail("45 minutes")
     * yield* cluster.advance("45 minutes")
     * assert.deepEqual(yield* cluster.exec(pod), before)
     */
    fail: (time: Duration.Input) => pull("fails every request", "issuer", { issuer: { fail: "out of ink" } }, time),
    /**
     * Every certificate is for a key that nobody asked about, for so long.
     *
     * @example
     * yield* cluster.issuer.signWrongKey("50 minutes")
     * yield* cluster.advance("50 minutes")
     * assert.equal((yield* cluster.exec(pod)).matchesKey, true)
     */
    signWrongKey: (time: Duration.Input) => pull("signs other keys", "issuer", { issuer: "signWrongKey" }, time),
    /**
     * Certificates live no longer than this, whatever is asked for.
     *
     * @example
     * yield* cluster.issuer.shorten("5 minutes", "1 day")
     * const brief = yield* cluster.schedule({ duration: "30 days" })
     * yield* cluster.advance("1 minute")
     * const { notAfter, notBefore } = (yield* cluster.exec(brief)).certificate
     * assert.equal(DateTime.toEpochMillis(notAfter) - DateTime.toEpochMillis(notBefore), 300_000)
     */
    shorten: (lifetime: Duration.Input, time: Duration.Input) =>
      pull(
        `shortens every lifetime to ${worded(lifetime)}`,
        "lifetime",
        { lifetime: Option.some(timeOf(lifetime)) },
        time
      ),
    /**
     * Certificates begin to be valid so long before they are issued, for so long; they do not end sooner.
     *
     * @example
     * yield* cluster.issuer.backdate("30 seconds", "1 day")
     * const dated = yield* cluster.schedule({ duration: "1 hour", renewBefore: "1 hour" })
     * yield* cluster.advance("1 minute")
     * const { notAfter, notBefore } = (yield* cluster.exec(dated)).certificate
     * assert.equal(DateTime.toEpochMillis(notAfter) - DateTime.toEpochMillis(notBefore), 3_630_000)
     */
    backdate: (by: Duration.Input, time: Duration.Input) =>
      pull(`dates every certificate back by ${worded(by)}`, "backdating", { backdating: timeOf(by) }, time),
    /**
     * Certificates have no common name for so long, as those of public CAs.
     *
     * @example
     * yield* cluster.issuer.dropCommonName("1 day")
     * const named = yield* cluster.schedule({ attributes: { "csi.cert-manager.io/common-name": "web" } })
     * yield* cluster.advance("1 minute")
     * assert.equal((yield* cluster.exec(named)).certificate.subject, "")
     * assert.match(cluster.trace.lines().join(), /CertificateNotAsRequested/)
     */
    dropCommonName: (time: Duration.Input) =>
      pull("drops every common name", "dropCommonName", { dropCommonName: true }, time),
    /**
     * It is not there for so long, as one that somebody has deleted: what asks for it waits until it is there again.
     *
     * @example
     * const corp = yield* cluster.addIssuer({ name: "corp", kind: "ClusterIssuer" })
     * yield* corp.lose("20 minutes")
     * const early = yield* cluster.schedule({ issuer: "corp", issuerKind: "ClusterIssuer" })
     * yield* cluster.advance("10 minutes")
     * assert.match(cluster.trace.lines().join(), /ClusterIssuer.* "corp" not found/)
     * yield* cluster.advance("15 minutes")
     * assert.equal(early.phase, "running")
     */
    lose: (time: Duration.Input) => pull("is not there", "issuer", { issuer: "missing" }, time),
    /**
     * From now on it signs with another key.
     *
     * @example
     * const before = yield* cluster.exec(pod)
     * yield* cluster.issuer.rotateCa()
     * yield* cluster.advance("1 hour")
     * const after = yield* cluster.exec(pod)
     * assert.notEqual(after.files.get("ca.crt")?.text, before.files.get("ca.crt")?.text)
     * assert.equal(after.chains, true)
     */
    rotateCa: () => Effect.andThen(tell(workings, "issuer", `${name}signs with a new key from now on`), signer.rotate)
  }
}
