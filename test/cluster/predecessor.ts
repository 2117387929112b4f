// The driver that ran on a node before certlet, as far as a change of drivers can see it: it registers under the same
// name, keeps every pod's files in one tmpfs of its own below a data root (`inmemfs/VOLUME/data`, beside a
// `metadata.json`), and binds that folder to the pod's target, read-only; what is mounted at a target already it takes
// for its own. It is a program, started in the machine of a node, and hands out the files of a folder instead of asking
// anybody for a certificate.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js"
import { reply, serviceDefinition } from "../../src/csi/GrpcDefinitions.ts"
import { Identity, Node, NodeServiceCapability_RPC_Type } from "../../src/csi/generated/csi_pb.js"
import { Registration } from "../../src/csi/generated/pluginregistration_pb.js"
import { parseMounts } from "./mounts.ts"
import { kubeletRoot } from "./nodeConfiguration.ts"

const driver = "csi.cert-manager.io"
const endpoint = `${kubeletRoot}/plugins/cert-manager-csi-driver/csi.sock`
const registration = `${kubeletRoot}/plugins_registry/${driver}-reg.sock`
/** Of the node, so that its other processes see it; a tmpfs there. */
export const predecessorDataRoot = "/run/cert-manager-csi-volume"
const memory = join(predecessorDataRoot, "inmemfs")

const must = (command: string, ...args: ReadonlyArray<string>): void => {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`)
}

const isMountPoint = (path: string): boolean =>
  parseMounts(readFileSync("/proc/self/mountinfo", "utf8"), path).some((mount) => mount.path === path)

const publish = (files: string, volumeId: string, target: string): void => {
  const data = join(memory, volumeId, "data")
  const set = "..2026_01_02_03_04_05.123456789"
  if (!existsSync(data)) {
    mkdirSync(data, { recursive: true })
    writeFileSync(join(memory, volumeId, "metadata.json"), JSON.stringify({ volumeID: volumeId, targetPath: target }))
    cpSync(files, join(data, set), { recursive: true })
    symlinkSync(set, join(data, "..data"))
    for (const name of readdirSync(files)) symlinkSync(join("..data", name), join(data, name))
  }
  mkdirSync(target, { recursive: true })
  if (isMountPoint(target)) return
  must("mount", "--bind", data, target)
  must("mount", "-o", "remount,bind,ro", target)
}

const unpublish = (volumeId: string, target: string): void => {
  if (isMountPoint(target)) must("umount", target)
  rmSync(join(memory, volumeId), { recursive: true, force: true })
}

/** A handler that answers what `answer` returns, and fails with what it throws. */
const handler =
  <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    answer: (request: MessageShape<I>) => MessageInitShape<O>
  ) =>
  (call: ServerUnaryCall<MessageShape<I>, MessageShape<O>>, respond: sendUnaryData<MessageShape<O>>): void => {
    try {
      respond(null, reply(method, answer(call.request)))
    } catch (error) {
      respond(error instanceof Error ? error : new Error(String(error)))
    }
  }

const serve = async (nodeId: string, files: string): Promise<void> => {
  if (!isMountPoint(memory)) {
    mkdirSync(memory, { recursive: true })
    must("mount", "-t", "tmpfs", "tmpfs", memory)
  }
  const { getPluginCapabilities, getPluginInfo, probe } = Identity.method
  const { nodeGetCapabilities, nodeGetInfo, nodePublishVolume, nodeUnpublishVolume } = Node.method
  const { getInfo, notifyRegistrationStatus } = Registration.method
  const mountGroup = {
    type: { case: "rpc", value: { type: NodeServiceCapability_RPC_Type.VOLUME_MOUNT_GROUP } }
  } as const
  const server = new Server()
  server.addService(serviceDefinition(Identity), {
    [getPluginInfo.name]: handler(getPluginInfo, () => ({ name: driver, vendorVersion: "1" })),
    [getPluginCapabilities.name]: handler(getPluginCapabilities, () => ({})),
    [probe.name]: handler(probe, () => ({}))
  })
  server.addService(serviceDefinition(Node), {
    [nodeGetInfo.name]: handler(nodeGetInfo, () => ({ nodeId })),
    [nodeGetCapabilities.name]: handler(nodeGetCapabilities, () => ({ capabilities: [mountGroup] })),
    [nodePublishVolume.name]: handler(nodePublishVolume, ({ targetPath, volumeId }) => {
      publish(files, volumeId, targetPath)
      return {}
    }),
    [nodeUnpublishVolume.name]: handler(nodeUnpublishVolume, ({ targetPath, volumeId }) => {
      unpublish(volumeId, targetPath)
      return {}
    })
  })
  server.addService(serviceDefinition(Registration), {
    [getInfo.name]: handler(getInfo, () => ({
      type: "CSIPlugin",
      name: driver,
      endpoint,
      supportedVersions: ["1.0.0"]
    })),
    [notifyRegistrationStatus.name]: handler(notifyRegistrationStatus, ({ pluginRegistered }) => {
      process.stdout.write(pluginRegistered ? "registered\n" : "refused\n")
      return {}
    })
  })
  for (const socket of [endpoint, registration]) {
    mkdirSync(dirname(socket), { recursive: true })
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error)
      )
    })
  }
  process.once("SIGTERM", () => {
    for (const socket of [registration, endpoint]) rmSync(socket, { force: true })
    server.forceShutdown()
  })
}

const [, , nodeId, files] = process.argv
if (import.meta.main && nodeId !== undefined && files !== undefined) await serve(nodeId, files)
