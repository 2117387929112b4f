// What a run of the tests prints, so that it fits on a screen: each failure whole, every test that was left out by its
// reason, and the counts. A file that passes is not worth a line where many run; where few run, each shows what it did.
// The last lines are vitest's own, which `.ci/run` reads.
import { DefaultReporter, type TestCase, type TestModule, type TestSpecification, type TestSuite } from "vitest/node"

/** As many files are a look at some tests, and more are a run of them all. */
const few = 5

const reasonIn = (name: string): string | undefined => /\(left out: (.*)\)/.exec(name)?.[1]

/** The reason of the nearest group that has one; otherwise the file to look into. */
const whyLeftOut = (test: TestCase): string => {
  const own = reasonIn(test.name)
  if (own !== undefined) return own
  for (let at: TestSuite | TestModule = test.parent; at.type === "suite"; at = at.parent) {
    const reason = reasonIn(at.name)
    if (reason !== undefined) return reason
  }
  return `no reason given in ${test.module.relativeModuleId}`
}

/** Why tests were left out, one line for each reason, with the number of tests. */
const leftOut = (modules: ReadonlyArray<TestModule>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const module of modules) {
    for (const test of module.children.allTests("skipped")) {
      const reason = whyLeftOut(test)
      counts.set(reason, (counts.get(reason) ?? 0) + 1)
    }
  }
  return [...counts].map(([reason, count]) => `${count} ${count === 1 ? "test" : "tests"} left out: ${reason}`)
}

export default class SummaryReporter extends DefaultReporter {
  #files = 0
  #ended: Array<TestModule> = []

  override onTestRunStart(specifications: ReadonlyArray<TestSpecification>): void {
    this.#files = specifications.length
    this.#ended = []
    super.onTestRunStart(specifications)
  }

  override printTestModule(module: TestModule): void {
    this.#ended.push(module)
    if (this.#files <= few || module.state() === "failed") super.printTestModule(module)
    else if (!this.isTTY && this.#ended.length % 10 === 0) this.log(`${this.#ended.length} of ${this.#files} files`)
  }

  override reportTestSummary(...given: Parameters<DefaultReporter["reportTestSummary"]>): void {
    // Whoever asks for tests by name knows that the others are left out.
    if (this.ctx.config.testNamePattern === undefined) for (const line of leftOut(this.#ended)) this.log(line)
    super.reportTestSummary(...given)
  }
}
