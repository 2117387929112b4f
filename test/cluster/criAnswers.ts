// Whether a container runtime is ready for a kubelet. containerd serves its own API a moment before its half for
// Kubernetes has started up, and a kubelet that asks in between gives up and ends. So the same is asked as a kubelet
// asks first: the version, over the runtime's socket (CRI v1). The request has no fields, and of the answer nothing is
// read.
import { Client, credentials } from "@grpc/grpc-js"

const patienceMilliseconds = 5_000

/**
 * Resolves when the runtime behind the socket has answered a kubelet's first question; rejects with what it says
 * instead.
 */
export const criAnswers = async (socket: string): Promise<void> => {
  const client = new Client(`unix:${socket}`, credentials.createInsecure())
  try {
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        "/runtime.v1.RuntimeService/Version",
        (empty: Buffer) => empty,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        { deadline: Date.now() + patienceMilliseconds },
        (error) => (error === null ? resolve() : reject(error))
      )
    })
  } finally {
    client.close()
  }
}
