/**
 * How the levers that change a behaviour for a time are made: those of an issuer and those of the API server. What is
 * pulled is told in the trace, and goes back by itself to what the weather makes of it.
 */
import { type Duration, Effect } from "effect"
import { worded } from "./misuse.ts"
import { type Behaviour, type TimedLevers, tell, type Workings } from "./TimedLevers.ts"

/** Whose behaviour is changed, and how. */
interface Subject {
  /** As the trace says where something happens. */
  readonly where: string
  /** Stands before what it does, in the trace and in the lever's name; empty for those of which there is one. */
  readonly name: string
  readonly change: (change: Partial<Behaviour>) => Effect.Effect<void>
}

/** Makes levers: how a behaviour is changed for a time, and told of as something that happens there. */
export const puller = (workings: Workings, levers: TimedLevers, { change, name, where }: Subject) => {
  const usual = (key: keyof Behaviour) => Effect.suspend(() => change({ [key]: workings.usual()[key] }))
  return (sentence: string, key: keyof Behaviour, to: Partial<Behaviour>, time: Duration.Input) =>
    Effect.andThen(
      tell(workings, where, `${name}${sentence} for ${worded(time)}`),
      levers.pull(`${name}${key}`, time, change(to), usual(key))
    )
}
