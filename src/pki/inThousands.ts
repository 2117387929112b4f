/**
 * A count as a sentence writes it. Pure, and without the process's locale: the same number reads the same on every
 * node.
 */

/** A whole number with a comma before every third digit from its end: 12,000. */
export const inThousands = (count: number): string => {
  const digits = String(count)
  const first = digits.length % 3
  const groups = Array.from({ length: Math.floor(digits.length / 3) }, (_, index) =>
    digits.slice(first + index * 3, first + index * 3 + 3)
  )
  return [...(first === 0 ? [] : [digits.slice(0, first)]), ...groups].join(",")
}
