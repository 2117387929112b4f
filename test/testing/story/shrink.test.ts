/** Stories that break are made small: of what is left nothing can be left out, and it is told whole. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { invariant } from "../../../src/testing/judges/Invariants.ts"
import { seeVolume } from "../../../src/testing/judges/Sight.ts"
import { Faults } from "../../../src/testing/levers/Faults.ts"
import { fault } from "../../../src/testing/levers/strike.ts"
import { drawStory } from "../../../src/testing/story/drawStory.ts"
import { explain } from "../../../src/testing/story/explain.ts"
import type { Story } from "../../../src/testing/story/Story.ts"
import { shrink } from "../../../src/testing/story/shrink.ts"
import { type RunOptions, runStory } from "../../../src/testing/story/simulate.ts"
import { mistakes } from "../../commands/simulate/mistakes.ts"

/** Every story that has one act or incident less. */
const oneLess = (story: Story): ReadonlyArray<Story> => [
  ...story.acts.map((_, at) => ({ ...story, acts: story.acts.toSpliced(at, 1) })),
  ...story.incidents.map((_, at) => ({ ...story, incidents: story.incidents.toSpliced(at, 1) }))
]

/** The first story of some seeds that breaks. */
const firstBroken = Effect.fnUntraced(function* (seeds: ReadonlyArray<number>, options: RunOptions) {
  for (const seed of seeds) {
    const story = drawStory(seed, { nodes: 1, pods: 2 }, options.ownFaults)
    const { outcome } = yield* runStory(story, options)
    if (outcome._tag !== "passed") return story
  }
  return yield* Effect.die(new Error(`none of the seeds ${seeds} breaks anything`))
})

const isMinimal = Effect.fnUntraced(function* (seeds: ReadonlyArray<number>, options: RunOptions, name: string) {
  const whole = yield* firstBroken(seeds, options)
  const { minimal, outcome, runs, story } = yield* shrink(whole, options)
  expect(minimal).toBe(true)
  expect(runs).toBeLessThanOrEqual(250)
  expect(outcome.outcome).toMatchObject({ _tag: "safety", broken: { name } })
  expect(whole.acts.length + whole.incidents.length).toBeGreaterThan(story.acts.length + story.incidents.length)
  for (const less of oneLess(story)) {
    const { outcome } = yield* runStory(less, options)
    expect(outcome).not.toMatchObject({ broken: { name } })
  }
  return story
})

/** A user's own: this node has to keep its certlet, and somebody pulls the plug. */
const own: RunOptions = {
  ownFaults: [fault("pluggedOut", 3, (cluster, { node }) => cluster.kill(node))],
  invariants: [
    invariant("never again", "No certlet has a second life.", ({ what }) =>
      what._tag === "ProcessStarted" && what.incarnation > 1 ? `this is life ${what.incarnation}` : undefined
    )
  ]
}

/** A pod whose second volume does not matter. */
const withVolumes: Story = {
  ...drawStory("volumes", { nodes: 1, pods: 1, faults: Faults.none }),
  incidents: [],
  acts: [
    {
      _tag: "Schedule",
      at: 0,
      wish: {
        name: "web",
        node: "node-1",
        duration: "1 hour",
        volumes: {
          tls: { attributes: { "csi.cert-manager.io/ip-sans": "10.0.0.1", "csi.cert-manager.io/is-ca": "true" } },
          client: { dnsNames: "client.web.apps.svc" }
        }
      }
    }
  ]
}

const noCertificateForAddresses: RunOptions = {
  invariants: [
    invariant("names only", "No certificate holds an address.", ({ what }) => {
      const sight = what._tag === "Written" ? seeVolume(what.volume) : Result.fail("")
      return Result.isSuccess(sight) && sight.success.certificate.names.join().includes("IP Address")
        ? "it holds one"
        : undefined
    })
  ]
}

describe("shrinking", { timeout: 120_000 }, () => {
  it.live("leaves of a pod with several volumes the one that matters, with what matters of it", () =>
    Effect.gen(function* () {
      const { minimal, story } = yield* shrink(withVolumes, noCertificateForAddresses)
      const attributes = { "csi.cert-manager.io/ip-sans": "10.0.0.1" }
      expect([minimal, story.acts]).toEqual([
        true,
        [{ _tag: "Schedule", at: 0, wish: { name: "web", node: "node-1", attributes } }]
      ])
    })
  )

  it.live("leaves one pod and one restart of a mutant that makes the same keys in every life", () =>
    Effect.gen(function* () {
      const story = yield* isMinimal([1, 2, 3, 4, 5, 6], mistakes.sameKeysInEveryLife, "one key, one request")
      expect([story.acts.length, story.incidents.length]).toEqual([1, 1])
      expect(Object.values(story.faults).filter((amount) => amount !== 0)).toEqual([])
    })
  )

  it.live("leaves one blow of a user's own fault that breaks a user's own invariant", () =>
    Effect.gen(function* () {
      const story = yield* isMinimal([1], own, "never again")
      expect([story.acts.length, story.incidents.length]).toEqual([0, 1])
      const again = yield* runStory(story, own)
      expect(again.outcome._tag).toBe("safety")
    })
  )

  it.live("stops where the runs are used up, and then claims nothing", () =>
    Effect.gen(function* () {
      const { minimal, outcome, runs } = yield* shrink(drawStory(1, {}, own.ownFaults), own, 2)
      expect([minimal, outcome.outcome._tag, runs]).toEqual([false, "safety", 3])
    })
  )

  it.live("tells the invariant with its sentence, the story, the last events and how to run it again", () =>
    Effect.gen(function* () {
      const text = yield* explain(drawStory(1, {}, own.ownFaults), own, "certlet simulate 1")
      expect(text).toMatch(
        /^story 1 breaks safety: never again\n {2}No certlet has a second life\.\n {2}Seen at step \d+/
      )
      expect(text).toMatch(/shrunk from \d+ acts? and \d+ incidents? to 0 acts and 1 incident in \d+ runs/)
      expect(text).toMatch(/The last events:\n( +\d+ .*\n)* +\d+ .*node-\d {2}certlet {2}starts, life 2\n/)
      expect(text).toContain("Again: certlet simulate 1\n")
      const value =
        /^For a test of its own: runStory\(\{ \.\.\.(.*), faults: Faults\.of\(\{\}\) \}\)$/m.exec(text)?.[1] ?? ""
      expect(JSON.parse(value)).toMatchObject({ seed: "1", acts: [], incidents: [{ fault: "pluggedOut" }] })
    })
  )

  it.effect("leaves what a pod needs with the pod", () =>
    Effect.gen(function* () {
      const attributes = {
        "csi.cert-manager.io/trust-bundle": "ConfigMap/roots",
        "csi.cert-manager.io/continue-on-not-ready": "true",
        "csi.cert-manager.io/pod-readiness-gate": "pod-condition:Provisioned"
      }
      const needy = invariant("modest", "Nobody has an issuer, a bundle, a gate and names of its own.", ({ what }) =>
        what._tag === "PodScheduled" &&
        /(?=.*corp)(?=.*roots)(?=.*Provisioned)(?=.*POD_LABEL)/.test(
          JSON.stringify([...what.pod.volumes.values()][0]?.attributes)
        )
          ? "somebody has"
          : undefined
      )
      const whole: Story = {
        ...drawStory("needs", { nodes: 1, pods: 1, faults: Faults.none }),
        incidents: [],
        acts: [
          { _tag: "AddIssuer", at: 0, issuer: { name: "corp" } },
          { _tag: "WriteBundle", at: 0, bundle: "ConfigMap/roots" },
          { _tag: "Schedule", at: 1000, wish: { name: "other" } },
          {
            _tag: "Schedule",
            at: 2000,
            wish: { name: "needy", issuer: "corp", dnsNames: ["${POD_LABEL:team}.svc"], attributes }
          },
          { _tag: "Change", at: 3000, name: "other", change: { labels: { team: "a" } } },
          { _tag: "Change", at: 3000, name: "needy", change: { labels: { team: "a" } } },
          { _tag: "Change", at: 4000, name: "needy", change: { conditions: { Provisioned: "True" } } },
          { _tag: "Change", at: 5000, name: "needy", change: { conditions: { Provisioned: "False" } } }
        ]
      }
      const { minimal, story } = yield* shrink(whole, { invariants: [needy] })
      const needed = ["AddIssuer", "WriteBundle", "Schedule", "Change", "Change"]
      expect([minimal, story.acts.map(({ _tag }) => _tag)]).toEqual([true, needed])
    })
  )
})
