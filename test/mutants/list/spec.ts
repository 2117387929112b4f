/** Mutants of what a pod's attributes mean. */
import { type Mutant, mutantsNear } from "../Mutant.ts"

const secrets = mutantsNear("spec/VolumeSpec.test.ts", "driver/keystores.test.ts", "spec/limits.test.ts")

/** The mutants of `spec/`. */
export const inSpec: ReadonlyArray<Mutant> = [
  ...secrets("spec/VolumeSecrets.ts", [
    {
      name: "token-in-record",
      from: "Record.filter(context, (_, key) => key !== tokensKey),",
      to: "context,",
      broken: "a record holds the pod's token"
    },
    {
      name: "password-in-record",
      from: '(passwordKeys.includes(key) && value !== "" ? withheld : value)',
      to: '(passwordKeys.includes(key) && value === "" ? withheld : value)',
      broken: "a record holds the password of a keystore"
    },
    {
      name: "another-audiences-token",
      from: 'const ours = tokens[""]',
      to: "const ours = Object.values(tokens)[0]",
      broken: "a token for somebody else is sent to the API server"
    },
    {
      name: "tokens-without-limit",
      from: "if (text.length > limits.tokensLength) {",
      to: "if (text.length < 0) {",
      broken: "a call brings as many tokens as it likes"
    }
  ]),
  ...mutantsNear("spec/VolumeSpec.test.ts", "spec/limits.test.ts")("spec/VolumeContext.ts", [
    {
      name: "context-without-limit",
      from: "return length > limits.contextLength",
      to: "return length < 0",
      broken: "a context of any size is read"
    },
    {
      name: "persistent-volume-served",
      from: 'return context[ephemeral] === "true"',
      to: 'return context[ephemeral] !== ""',
      broken: "a persistent volume is served as if a pod had asked for it"
    }
  ]),
  ...mutantsNear("spec/ReadinessGate.test.ts")("spec/ReadinessGate.ts", [
    {
      name: "empty-annotation-opens",
      from: 'Object.hasOwn(pod.annotations, gate.key) && pod.annotations[gate.key] !== ""',
      to: "Object.hasOwn(pod.annotations, gate.key)",
      broken: "a gate on an annotation opens before the annotation says anything"
    },
    {
      name: "family-ignored",
      from: 'gate.family === "any" || ip.includes(":") === (gate.family === "ipv6")',
      to: 'gate.family === "any" || ip !== ""',
      broken: "a gate for an IPv6 address opens with an IPv4 address"
    }
  ]),
  ...mutantsNear("spec/withDefaults.test.ts")("spec/withDefaults.ts", [
    {
      name: "default-beats-choice",
      from: "if (name in written || choices.some((choice) => choice.includes(name) && writes(choice))) return true",
      to: "if (name in written) return true",
      broken: "a node's default stands next to a pod's own choice and contradicts it"
    },
    {
      name: "password-as-default",
      from: 'if (name === "pkcs12-password" || name === "jks-password") {',
      to: 'if (name === "pkcs12-password") {',
      broken: "a password may stand on a command line"
    }
  ]),
  ...mutantsNear("spec/Variables.test.ts", "spec/VolumeSpec.test.ts")("spec/expandAttributes.ts", [
    {
      name: "password-with-variables",
      from: '["serialnumber", "pkcs12-password", "jks-password"]',
      to: '["serialnumber", "pkcs12-password"]',
      broken: "a password with a dollar sign becomes another one"
    },
    {
      name: "anything-follows",
      from: "if (first !== undefined && !followingNames.includes(name)) {",
      to: 'if (first !== undefined && name === "") {',
      broken: "an attribute follows a pod that nothing renews when it changes"
    }
  ])
]
