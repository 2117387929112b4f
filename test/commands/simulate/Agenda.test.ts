import * as fc from "fast-check"
import { expect, it } from "vitest"
import { Agenda } from "../../../src/commands/simulate/Agenda.ts"

it("gives entries back in the order of their instants, whatever was put in and taken out in between", () => {
  const instants = fc.array(fc.nat(50), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(instants, fc.infiniteStream(fc.boolean()), (instants, takes) => {
      const agenda = new Agenda(instants.length)
      const waiting: Array<number> = []
      const takeOne = () => {
        waiting.sort((one, other) => one - other)
        expect(agenda.next).toBe(waiting.shift() ?? Number.POSITIVE_INFINITY)
        if (agenda.size > 0) expect(instants[agenda.take()]).toBeLessThanOrEqual(agenda.next)
        expect(agenda.size).toBe(waiting.length)
      }
      instants.forEach((instant, thing) => {
        agenda.add(instant, thing)
        waiting.push(instant)
        if (takes.next().value) takeOne()
      })
      while (waiting.length > 0) takeOne()
      expect(agenda.next).toBe(Number.POSITIVE_INFINITY)
    })
  )
})
