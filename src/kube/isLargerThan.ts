/**
 * How large a value is that came out of YAML: its aliases make one value stand in many places, and whoever writes it
 * out writes each of them. Pure.
 */

/** True where a value holds more than `most` values, with those counted again that stand in several places. */
export const isLargerThan = (value: unknown, most: number): boolean => {
  const open: Array<unknown> = [value]
  for (let counted = 0; open.length > 0; counted++) {
    if (counted > most) return true
    const one = open.pop()
    if (typeof one === "object" && one !== null) for (const part of Object.values(one)) open.push(part)
  }
  return false
}
