import { describe, expect, it } from "@effect/vitest"
import { Faults } from "../../../src/testing/levers/Faults.ts"
import { drawStory } from "../../../src/testing/story/drawStory.ts"
import { madeBy, needsOf, type Story } from "../../../src/testing/story/Story.ts"

const drawn = Array.from({ length: 400 }, (_, seed) => drawStory(seed))

const scheduledIn = ({ acts }: Story) => acts.flatMap((act) => (act._tag === "Schedule" ? [act] : []))

/** How many of the stories are so. */
const count = (is: (story: Story) => boolean): number => drawn.filter(is).length

describe("drawStory", () => {
  it("draws the same story from the same seed", () => {
    expect(drawStory(7)).toEqual(drawn[7])
  })

  it("draws each kind of thing in some stories, and in few", () => {
    const has = (tag: string) => count(({ acts }) => acts.some(({ _tag }) => _tag === tag))
    const counts = {
      issuers: has("AddIssuer"),
      joins: has("Join"),
      leaves: has("Leave"),
      inherited: count((story) => scheduledIn(story).some(({ wish }) => wish.inherited === true)),
      once: count(({ requiresRepublish }) => !requiresRepublish)
    }
    for (const [kind, times] of Object.entries(counts)) {
      expect([kind, times > drawn.length / 50, times < drawn.length / 3]).toEqual([kind, true, true])
    }
  })

  it("lets acts come in order, and nobody needs what is not there in time", () => {
    for (const story of drawn) {
      const { acts, millis, nodes } = story
      expect(acts.map(({ at }) => at)).toEqual(acts.map(({ at }) => at).toSorted((one, other) => one - other))
      expect(acts.every(({ at }) => at >= 0 && at <= millis)).toBe(true)
      const made = acts.flatMap(madeBy)
      for (const { wish } of scheduledIn(story)) expect(needsOf(wish).filter((one) => !made.includes(one))).toEqual([])
      const present = new Set(Array.from({ length: nodes }, (_, i) => `node-${i + 1}`))
      for (const act of acts) {
        if (act._tag === "Join") present.add(act.node)
        if (act._tag === "Leave") expect(present).toContain(act.node)
        if (act._tag === "Schedule") expect(present).toContain(act.wish.node)
      }
    }
  })

  it("lets a kubelet publish once only where nothing has to come with another publish", () => {
    const passwords = /"csi\.cert-manager\.io\/(pkcs12|jks)-password(-from":"secret:|":)/
    for (const story of drawn.filter(({ requiresRepublish }) => !requiresRepublish)) {
      const { cleanedVolumesPerDay, tornRecordsPerDay, wipedRecordsPerDay } = story.faults
      expect([cleanedVolumesPerDay, tornRecordsPerDay, wipedRecordsPerDay]).toEqual([0, 0, 0])
      expect(story.useTokenRequest).toBe(false)
      expect(JSON.stringify(story.acts)).not.toMatch(passwords)
    }
  })

  it("leaves nodes and pods as they are fixed", () => {
    for (let seed = 0; seed < 100; seed++) {
      const { acts, nodes } = drawStory(seed, { nodes: 2, pods: 3, faults: Faults.none })
      expect([nodes, acts.filter(({ _tag }) => _tag === "Schedule").length]).toEqual([2, 3])
      expect(acts.some(({ _tag }) => _tag === "Join" || _tag === "Leave")).toBe(false)
    }
  })
})
