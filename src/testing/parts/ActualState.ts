/**
 * What a kubelet takes one volume for: its "actual state of the world". A volume that it takes for unmounted is never
 * unpublished; one that it is uncertain about is published again, or unpublished when the pod goes. What an answer
 * makes of the state is Kubernetes' own rule (1.37: `SetUpAt`, `isFinalError`, `markVolumeErrorState`), and so is what
 * a restart makes of it: of all that the kubelet knew, its note in the pod's folder is left.
 */
import { Option } from "effect"
import { isFinal, type Status } from "../../csi/Status.ts"

/** What the kubelet knows of one volume. */
export class ActualState {
  #mount: "unmounted" | "uncertain" | "mounted" = "unmounted"
  /** It was found after a restart: no failed publish makes the kubelet forget it. */
  #isReconstructed = false
  /** The note (`vol_data.json`) lies in the pod's folder. */
  #isNoted = false

  /** True where the volume has to be unpublished when its pod goes. */
  get isOwed(): boolean {
    return this.#mount !== "unmounted"
  }

  /** A publish is about to be sent. */
  readonly note = (): void => {
    this.#isNoted = true
  }

  /** A publish was answered. True where the kubelet removes the folder, if nothing is mounted there. */
  readonly answered = (failure: Option.Option<Status>): boolean => {
    if (Option.isNone(failure)) {
      this.#mount = "mounted"
      this.#isReconstructed = false
      return false
    }
    if (!isFinal(failure.value)) {
      if (this.#mount === "unmounted") this.#mount = "uncertain"
      return false
    }
    if (this.#isReconstructed || this.#mount === "mounted") return false
    this.#mount = "unmounted"
    return true
  }

  /** The driver that ran here before has answered that it is mounted. */
  readonly inherit = (): void => {
    this.note()
    this.answered(Option.none())
  }

  /** The folder is gone, and the note with it. */
  readonly forget = (): void => {
    this.#isNoted = false
  }

  /** The kubelet has been started again. */
  readonly reconstruct = (): void => {
    this.#mount = this.#isNoted ? "uncertain" : "unmounted"
    this.#isReconstructed = this.#isNoted
  }
}
