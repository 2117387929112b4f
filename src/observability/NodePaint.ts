/**
 * Colour, for people at a terminal: the only place that decides whether there is any. A stream that is no terminal gets
 * plain text, and so does everybody who sets NO_COLOR; FORCE_COLOR gives colour to a pipe too, unless NO_COLOR is set.
 * What is painted reads the same without it.
 */
import { styleText } from "node:util"

/** What a text is painted as. */
export type Style = Parameters<typeof styleText>[0]

/** What paints a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

/** Paints texts that go to one of the process's streams. */
export const paintFor =
  (stream: "stdout" | "stderr"): Paint =>
  (style, text) =>
    (process.env.NO_COLOR ?? "") === "" ? styleText(style, text, { stream: process[stream] }) : text
