/**
 * The colour of a volume's state: red is what somebody has to look at, yellow what is on its way or was never
 * certlet's, green what is as it should be.
 */
import type { VolumeState } from "../../driver/VolumeStatus.ts"
import type { Paint, Style } from "../../observability/NodePaint.ts"

const colours: Readonly<Record<VolumeState, Style>> = {
  Expired: "red",
  Lost: "red",
  Refused: "red",
  Failing: "red",
  Damaged: "red",
  Inherited: "yellow",
  Issuing: "yellow",
  Renewing: "yellow",
  Ready: "green"
}

const isState = (text: string): text is VolumeState => text in colours

/** Paints a state's word; another text stays as it is. */
export const paintState =
  (paint: Paint) =>
  (text: string): string =>
    isState(text) ? paint(colours[text], text) : text
