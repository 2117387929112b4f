import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FairQueue } from "../../src/issuance/FairQueue.ts"

const queueOf = (...items: ReadonlyArray<string>) => {
  const queue = new FairQueue<string>()
  for (const item of items) queue.put(item.charAt(0), item)
  return queue
}

const takeAll = (queue: FairQueue<string>): ReadonlyArray<string> => {
  const item = queue.take()
  return item === undefined ? [] : [item, ...takeAll(queue)]
}

describe("a fair queue", () => {
  it("serves owners in turn, and what one owner brings in the order of its coming", () => {
    expect(takeAll(queueOf("a1", "a2", "a3", "b1", "b2", "c1"))).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"])
  })

  it("gives an owner that comes again its turn after those who wait", () => {
    const queue = queueOf("a1", "b1", "b2")
    expect(queue.take()).toBe("a1")
    queue.put("a", "a2")
    expect(takeAll(queue)).toEqual(["b1", "a2", "b2"])
  })

  it("loses what is removed, and nothing else", () => {
    const queue = queueOf("a1", "a2", "b1")
    queue.remove("a", "a1")
    queue.remove("b", "b1")
    queue.remove("c", "c1")
    queue.remove("a", "b1")
    expect(takeAll(queue)).toEqual(["a2"])
  })

  const someItems = fc.uniqueArray(
    fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat(20)).map(([owner, at]) => `${owner}${at}`),
    { minLength: 1, maxLength: 30 }
  )

  it("knows of each thing how many come before it", () => {
    fc.assert(
      fc.property(someItems, fc.nat(10), (items, taken) => {
        const queue = queueOf(...items)
        for (let i = 0; i < Math.min(taken, items.length - 1); i++) queue.take()
        const left = items.map((item) => ({ item, before: queue.before(item.charAt(0), item) }))
        const order = takeAll(queue)
        for (const { before, item } of left) if (order.includes(item)) expect(before).toBe(order.indexOf(item))
      })
    )
  })

  it("lets no owner wait for more than one thing of each other owner", () => {
    fc.assert(
      fc.property(someItems, (items) => {
        const owners = new Set(items.map((item) => item.charAt(0)))
        const queue = queueOf(...items)
        queue.put("z", "z1")
        expect(queue.before("z", "z1")).toBe(owners.size)
      })
    )
  })
})
