/**
 * What certlet says of the API server before it serves: where it is and as whom certlet speaks to it. Credentials that
 * can never work end the process at once, because a node that cannot get a certificate must not look well; those that
 * may come yet, such as a token's file or a plugin that is not ready, are warned of, and pods' calls find them.
 */
import { Effect, Layer, Schema } from "effect"
import { identify } from "../../kube/KubeCredentials.ts"
import { Settings } from "../../Settings.ts"

/** certlet has no way to the API server, and waiting would not bring one. */
class NoCredentials extends Schema.TaggedError<NoCredentials>()("NoCredentials", { detail: Schema.String }) {
  override get message(): string {
    return `certlet cannot speak to the API server: ${this.detail}`
  }
}

const announce = Effect.gen(function* () {
  const { kube } = yield* Settings
  const { identity, server } = yield* identify(kube)
  yield* Effect.logInfo(`the API server is ${server}, and certlet speaks to it as ${identity}`)
}).pipe(
  Effect.timeoutOrElse({
    duration: "10 seconds",
    orElse: () =>
      Effect.logWarning("the credentials for the API server are not there after 10 s; certlet goes on without")
  }),
  Effect.catchTag("CredentialsUnusable", ({ detail, lasting }) =>
    lasting
      ? Effect.fail(new NoCredentials({ detail }))
      : Effect.logWarning(`the credentials for the API server cannot be used yet: ${detail}`)
  )
)

/** Says it before anything else is built. */
export const announceApiServer = Layer.effectDiscard(announce)
