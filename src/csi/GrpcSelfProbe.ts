/**
 * How certlet calls itself, as the kubelet would: a new connection to the CSI socket's name, and Identity's Probe over
 * it. What answers is the socket that the kubelet would reach, so that a name that was removed, or belongs to another
 * process, is noticed, as is an event loop that no longer turns. It is one of the checks behind `/livez`.
 */
import { create } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import { Effect, Option } from "effect"
import { methodDefinition } from "./GrpcDefinitions.ts"
import { Identity } from "./generated/csi_pb.js"

/** A socket on the same node answers in milliseconds; one that takes this long is of no use to the kubelet. */
const patienceMillis = 3_000

const { probe } = Identity.method

/** What is wrong with the CSI socket; none where it answers, be certlet ready or not. */
export const selfProbe = (endpoint: string): Effect.Effect<Option.Option<string>> =>
  Effect.callback((resume) => {
    const client = new grpc.Client(`unix:${endpoint}`, grpc.credentials.createInsecure(), {
      // Channels are shared by address otherwise, and an old connection says nothing about the name.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.default_authority": "localhost"
    })
    const { path, requestSerialize, responseDeserialize } = methodDefinition(probe)
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      create(probe.input),
      new grpc.Metadata(),
      { deadline: Date.now() + patienceMillis },
      (error) => {
        client.close()
        resume(
          Effect.succeed(error === null ? Option.none() : Option.some(`no answer on ${endpoint}: ${error.details}`))
        )
      }
    )
    return Effect.sync(() => client.close())
  })
