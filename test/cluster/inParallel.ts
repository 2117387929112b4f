// Does something to each of many things, so many at once: how the cluster tier loads a driver, and how it keeps a crowd
// of openssl processes from starving it. The first failure ends the whole. The answers are in the order of the things.

/** `act` on every item, at most `limit` of them at a time. */
export const inParallel = async <Item, Result>(
  items: ReadonlyArray<Item>,
  limit: number,
  act: (item: Item, index: number) => Promise<Result>
): Promise<ReadonlyArray<Result>> => {
  const answers = new Array<Result>(items.length)
  const entries = items.entries()
  const worker = async () => {
    for (const [index, item] of entries) answers[index] = await act(item, index)
  }
  await Promise.all(Array.from({ length: limit }, worker))
  return answers
}
