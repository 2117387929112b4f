/** Mutants of the client of the API server, and of what a pod's attributes mean. */
import { type Mutant, mutantsNear } from "../Mutant.ts"

const watches = mutantsNear("kube/watch.test.ts", "kube/watchPace.test.ts")

/** The mutants of `kube/`. */
export const inKube: ReadonlyArray<Mutant> = [
  ...watches("kube/watch.ts", [
    {
      name: "silent-server-believed",
      from: "    Effect.raceFirst(Effect.flatMap(freshness.silence(began), (why) => Effect.fail(malformed(action, why)))),\n",
      to: "",
      broken: "a server that is silent holds a watch for ten minutes",
      near: ["kube/watchPace.test.ts"]
    },
    {
      name: "watch-without-end",
      from: "duration: Duration.sum(Duration.seconds(seconds), watchGrace),",
      to: "duration: Duration.infinity,",
      broken: "a server that sends bookmarks and never ends holds a watch for ever",
      near: ["kube/watchPace.test.ts"]
    },
    {
      name: "forgotten-place-kept",
      from: 'if (reason === "Gone" || reason === "Invalid" || status === 504) this.version = ""',
      to: 'if (reason === "Invalid" || status === 504) this.version = ""',
      broken: "a watch asks for a place that the server has forgotten, for ever"
    },
    {
      name: "error-event-keeps-place",
      from: "    this.leaveIfUnknown(error)\n    return this.#break(error)",
      to: "    return this.#break(error)",
      broken: "a place that is forgotten by an event is asked for again"
    },
    {
      name: "bookmark-ignored",
      from: '    this.version = place.success.metadata.resourceVersion\n    return "more"',
      to: '    if (type !== "BOOKMARK") this.version = place.success.metadata.resourceVersion\n    return "more"',
      broken: "a quiet watch lists everything again after each end"
    },
    {
      name: "first-page-only",
      from: "    if (!after) {\n",
      to: '    if (after !== "") {\n',
      broken: "objects on the second page of a list are taken for deleted"
    },
    {
      name: "list-without-end",
      from: "if (after === next) break",
      to: "if (after === undefined) break",
      broken: "a server that repeats a page is read 250 times",
      near: ["kube/watchPace.test.ts"]
    },
    {
      name: "defect-ends-watch",
      from: "    asFailure(`${action}: a defect ended it`),\n",
      to: "",
      broken: "a defect ends a watch, and nobody hears of any request any more",
      near: ["kube/watchPace.test.ts"]
    },
    {
      name: "watch-in-a-hot-loop",
      from: "  if (lasted < shortestServiceMillis) {",
      to: "  if (lasted < 0) {",
      broken: "a server that ends each watch at once is asked in a hot loop"
    },
    {
      name: "watch-ignores-retry-after",
      from: "Effect.sleep(Duration.millis(error.retryAfterMillis ?? 0))",
      to: "Effect.sleep(Duration.millis(0))",
      broken: "a throttled watch comes back before the server wants it"
    },
    {
      name: "watches-come-back-together",
      from: "Effect.map(Random.nextBetween(0.5, 1), (share) =>",
      to: "Effect.map(Effect.succeed(1), (share) =>",
      broken: "the watches of all nodes come back at the same moment"
    },
    {
      name: "watch-pause-without-cap",
      from: "Duration.times(Duration.min(duration, Duration.seconds(15)), share)",
      to: "Duration.times(duration, share)",
      broken: "an outage of an hour is noticed to be over an hour later"
    }
  ]),
  ...mutantsNear(
    "kube/KubeApiServer.test.ts",
    "kube/identity.test.ts",
    "kube/KubeCredentials.test.ts"
  )("kube/KubeApiServer.ts", [
    {
      name: "length-in-characters",
      from: "Buffer.byteLength(payload)",
      to: "payload.length",
      broken: "a body with letters beyond ASCII is cut off",
      near: ["kube/hostileServer.test.ts"]
    },
    {
      name: "pods-token-renews-ours",
      from: '      ours && error._tag === "ApiError" && error.reason === "Unauthorized"',
      to: '      error._tag === "ApiError" && error.reason === "Unauthorized" && (ours || !ours)',
      broken: "a pod's token that is refused makes certlet read its own credentials again",
      near: ["kube/hostileServer.test.ts"]
    },
    {
      name: "own-certificate-with-token",
      from: "      agent: connection.anonymous,\n",
      to: "      agent: connection.agent,\n",
      broken: "a request in a pod's name goes out with certlet's certificate"
    },
    {
      name: "stale-connection-fails",
      from: "    (severed) => severed.stale,\n",
      to: '    (severed) => severed.stale && severed.detail === "",\n',
      broken: "a connection that the server has closed as idle fails a call",
      near: ["kube/hostileServer.test.ts"]
    },
    {
      name: "second-try-believed",
      from: "(error) => (sentTwice ? ofSecond(call, error) : error)",
      to: "(error) => error",
      broken: "a refusal of a create that was sent twice is taken for the answer to both",
      near: ["kube/hostileServer.test.ts"]
    },
    {
      name: "answer-not-waited-for",
      from: "duration: settings.requestTimeout,",
      to: "duration: Duration.infinity,",
      broken: "a call that nobody answers waits for ever"
    },
    {
      name: "rate-without-limit",
      from: "  qps <= 0\n",
      to: "  qps <= 1_000_000\n",
      broken: "the rate limit that the settings name is not kept"
    }
  ]),
  ...mutantsNear(
    "kube/identity.test.ts",
    "kube/KubeCredentials.test.ts",
    "kube/KubeApiServer.test.ts"
  )("kube/KubeCredentials.ts", [
    {
      name: "rotated-certificate-ignored",
      from: "if (before?.fingerprint === print) {",
      to: "if (before !== undefined) {",
      broken: "a client certificate that was rotated on disk is not taken up"
    },
    {
      name: "credentials-never-read-again",
      from: "current !== undefined && now - current.readAt < freshMillis ? current.connection : undefined",
      to: "current !== undefined ? current.connection : undefined",
      broken: "credentials that rotate on disk are read again only when the server refuses them"
    },
    {
      name: "replaced-file-fails-call",
      from: "return Effect.catch(read(false), () => Effect.succeed(connection))",
      to: "return Effect.andThen(Effect.succeed(connection), read(false))",
      broken: "a credentials file that is being replaced fails a call"
    },
    {
      name: "token-with-line-break",
      from: "headers[name.toLowerCase()] = value.trim()",
      to: "headers[name.toLowerCase()] = value",
      broken: "a token file that ends in a line break cannot be used"
    }
  ]),
  ...mutantsNear("contract/PodEvents.test.ts")("kube/EventLedger.ts", [
    {
      name: "every-event-written",
      from: "return now >= counted.nextWrite ? key : undefined",
      to: "return now >= 0 ? key : undefined",
      broken: "a failure that repeats is written each time"
    }
  ]),
  ...mutantsNear("contract/PodEvents.test.ts")("kube/ApiPodEvents.ts", [
    {
      name: "defect-ends-events",
      from: 'asFailure("a defect kept an Event from being written"), ',
      to: "",
      broken: "after a defect no Event is written any more",
      near: ["kube/ApiPodEvents.test.ts"]
    },
    {
      name: "lost-event-made-twice",
      from: "if (!mayExist) ledger.forget(key)",
      to: "ledger.forget(key)",
      broken: "an Event whose create had no answer is made twice"
    },
    {
      name: "dropped-event-not-made",
      from: '(error) => error.reason === "Missing",\n            () => create(server, counted, settings)',
      to: '(error) => error.reason === "Gone",\n            () => create(server, counted, settings)',
      broken: "an Event that the API server has dropped is never told again"
    }
  ]),
  ...mutantsNear("kube/ApiTrustBundles.test.ts")("kube/ApiTrustBundles.ts", [
    {
      name: "defect-ends-finding",
      from: '    asFailure("a defect kept ClusterTrustBundles from being found"),\n',
      to: "",
      broken: "a trust bundle is never seen after a defect before its first watch"
    }
  ]),
  ...mutantsNear("kube/hostileServer.test.ts")("kube/ApiError.ts", [
    {
      name: "retry-after-without-bound",
      from: "Math.min(longestRetryAfterMillis, Math.max(0, millis))",
      to: "Math.max(0, millis)",
      broken: "a server can keep a pod without a certificate for an hour"
    }
  ])
]
