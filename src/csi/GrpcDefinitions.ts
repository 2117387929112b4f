/**
 * The bridge between two libraries: protobuf-es describes the services, grpc-js serves and calls them. Here a described
 * service becomes a grpc-js definition, and a described method a typed handler. Nothing in it is particular to CSI but
 * the two services that are handed on.
 */
import type {
  DescMessage,
  DescMethod,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape
} from "@bufbuild/protobuf"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js"

/** A unary method as grpc-js wants it: where it is, and how its messages become bytes and back. */
export const methodDefinition = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>
): MethodDefinition<MessageShape<I>, MessageShape<O>> => ({
  path: `/${method.parent.typeName}/${method.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
  requestDeserialize: (bytes) => fromBinary(method.input, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
  responseDeserialize: (bytes) => fromBinary(method.output, bytes)
})

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary"

/** A service as grpc-js wants it, with every method that is described. */
export const serviceDefinition = (service: DescService): ServiceDefinition =>
  Object.fromEntries(service.methods.filter(isUnary).map((method) => [method.name, methodDefinition(method)]))

/** A message of a method's output from the fields that matter. */
export const reply = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  fields: MessageInitShape<O>
): MessageShape<O> => create(method.output, fields)
