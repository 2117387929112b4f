/**
 * Random digits as a UUID of version 4 (RFC 9562, 5.4). Pure: the caller draws the digits, from Effect's Random or from
 * a simulation's dice, so that a seed gives the same names again.
 */

/** A UUID of 32 hexadecimal digits; those of the version and the variant are set here. */
export const uuidV4 = (digits: string): string => {
  const variant = (8 + (Number.parseInt(digits.charAt(16), 16) % 4)).toString(16)
  const hex = `${digits.slice(0, 12)}4${digits.slice(13, 16)}${variant}${digits.slice(17)}`
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
