// Tests for which a machine must have something: a right, a program, a second Node. Where it is missing they are left
// out, and their name says why: `SummaryReporter` puts these reasons at the end of a run. A test that is left out
// without a reason is listed there too, and stands out.
import { describe } from "vitest"

/** The name of a test or a group of tests, with the reason where it is left out: "needs openssl". */
export const named = (isThere: boolean, reason: string, name: string): string =>
  isThere ? name : `${name} (left out: ${reason})`

/** A group of tests that is left out, for this reason, where something is not there. */
export const describeWhere =
  (isThere: boolean, reason: string) =>
  (name: string, body: () => void): void => {
    describe.skipIf(!isThere)(named(isThere, reason, name), body)
  }
