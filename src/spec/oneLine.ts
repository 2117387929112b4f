/**
 * A text that somebody else wrote, as one line: for a log, an Event, a status or a table. Pure, and linear in the
 * length of the text whatever it holds.
 */

/** The text without line breaks and control characters: each run of them, and of spaces, becomes one space. */
export const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim()
