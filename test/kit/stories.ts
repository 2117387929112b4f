// The stories that are told twice: to the simulated cluster in milliseconds, and to a real kubelet with real pods. Both
// tiers tell every one of them, or they do not compile. What a seed finds in the one is so a test of the other as well.

/** What happens, while certlet must lose nobody's files and leave nothing behind. */
export const stories = [
  "certlet is killed while thirty pods run",
  "certlet is upgraded while thirty pods run",
  "the kubelet restarts while thirty pods run",
  "a pod that comes while certlet is away is served when it is back",
  "a pod that goes while certlet is away leaves nothing when it is back",
  "a pod goes while its request waits for approval",
  "the node reboots, and its pods come back",
  "all pods go, and nothing is left of them"
] as const

/** How a tier tells each of them. */
export type Told<Telling> = Readonly<Record<(typeof stories)[number], Telling>>
