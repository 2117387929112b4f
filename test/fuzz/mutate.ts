/**
 * The input of a seed: an example of what a target reads, damaged a few times. The same seed makes the same bytes on
 * every machine. Damage is of the kinds that parsers stumble over: bytes changed, pieces left out, doubled, moved and
 * repeated ten thousand times, words of the grammar in places where they do not belong.
 */

/** A generator of numbers below `below`, from a seed (mulberry32). */
export const dice = (seed: number): ((below: number) => number) => {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Words that mean something to one parser or another. */
const words = [
  "-----BEGIN CERTIFICATE-----",
  "-----END CERTIFICATE-----",
  "-----BEGIN ",
  "-----",
  "a: b\n a: b\n",
  "\n",
  "\r\n",
  " ",
  "\t",
  "\0",
  ",",
  ";",
  "+",
  "=",
  '"',
  '""',
  "\\",
  "\\,",
  "\\00",
  "#",
  "#0c01",
  "${",
  "${POD_NAME}",
  "$POD_NAME",
  "${POD_ANNOTATION:x}",
  "}",
  "{",
  "[",
  "]",
  '{"":',
  "null",
  "true",
  "1e999",
  "-1",
  "999999999999999999999",
  "__proto__",
  "constructor",
  "::",
  "::ffff:1.2.3.4",
  "spiffe://",
  "..",
  "/",
  "*",
  "&a ",
  "*a",
  "<<",
  "é",
  "\u2028",
  "\ud800",
  "secret:",
  "2026-01-01T00:00:00Z",
  "1h",
  "9999999999h",
  "AAAA",
  "===="
]

/** No input is larger than this, in bytes: the worker has to hold some copies of it. */
const largest = 1_500_000

const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(parts))

const repeated = (piece: Uint8Array, times: number): Uint8Array =>
  Uint8Array.from(Buffer.alloc(Math.min(largest, piece.length * times), piece.length === 0 ? " " : piece))

/** The bytes of a seed, made of these examples. */
export const mutate = (seed: number, examples: ReadonlyArray<Uint8Array>): Uint8Array => {
  const roll = dice(seed)
  const example = () => examples[roll(examples.length)] ?? new Uint8Array()
  const word = () => new TextEncoder().encode(words[roll(words.length)] ?? "")
  let bytes = example()
  for (let damage = roll(8); damage >= 0; damage--) {
    const from = roll(bytes.length + 1)
    const to = Math.min(bytes.length, from + roll(roll(2) === 0 ? 8 : bytes.length + 1))
    const [before, piece, after] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)]
    const kinds: ReadonlyArray<() => Uint8Array> = [
      () => concat(before, after),
      () => concat(before, piece, piece, after),
      () => concat(before, word(), piece, after),
      () => concat(before, word(), after),
      () => concat(before, Uint8Array.of(roll(256)), after),
      () => concat(before, piece.toReversed(), after),
      () => concat(before, example().subarray(0, roll(400)), after),
      () => concat(before, repeated(roll(2) === 0 ? word() : piece, 10 ** roll(5)), after)
    ]
    bytes = (kinds[roll(kinds.length)]?.() ?? bytes).subarray(0, largest)
  }
  return bytes
}
