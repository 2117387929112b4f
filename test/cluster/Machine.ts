// A machine within this machine, for a node of a cluster: a mount namespace and a process namespace with a /run, a
// /var/lib and a /var/log of its own, and a group of cgroups. Everything that is started in it ends with it, and with
// its last process the kernel takes away every mount that was made in it; so neither a test that fails nor one that is
// killed leaves anything but a folder and some empty cgroups, which the next machine clears away. The network is this
// machine's. It can be booted again: then /run and all mounts are gone, as on a real node, and the disk (/var/lib,
// /var/log) is still there.
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { until } from "../kit/until.ts"
import { Daemon, type DaemonOptions } from "./Daemon.ts"
import { isLeftBehind, ownFolder } from "./ownFolder.ts"

const prefix = "certlet-machine-"
const cgroupMount = "/sys/fs/cgroup"

// What a kubelet changes in the kernel's settings would be changed for the whole machine: it gets copies to change.
const kernelSettings = [
  "kernel/keys/root_maxbytes",
  "kernel/keys/root_maxkeys",
  "kernel/panic",
  "kernel/panic_on_oops",
  "vm/overcommit_memory",
  "vm/panic_on_oom"
]

// The first process: it makes the place and then only takes in orphans. A shell's `wait` reaps whoever has ended.
const init = `
set -eu
disk=$1
mount --make-rprivate /
mount -t tmpfs -o mode=755 run /run
for folder in lib log; do mount --bind "$disk/$folder" "/var/$folder"; done
for setting in ${kernelSettings.join(" ")}; do
  mkdir -p "/run/sys/\${setting%/*}"
  cat "/proc/sys/$setting" > "/run/sys/$setting"
  mount --bind "/run/sys/$setting" "/proc/sys/$setting"
done
mount --make-rshared /
touch /run/booted
while :; do sleep 3600 & wait $! || :; done
`

/** The cgroup folders that the machine needs: one per hierarchy, or the one of cgroup v2. */
const cgroupHierarchies = (): ReadonlyArray<string> =>
  existsSync(join(cgroupMount, "cgroup.controllers"))
    ? [cgroupMount]
    : readdirSync(cgroupMount, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(cgroupMount, entry.name, "cgroup.procs")))
        .map((entry) => join(cgroupMount, entry.name))

const removeCgroup = (folder: string): void => {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(folder, entry.name))
  }
  rmdirSync(folder)
}

/** Clears away the cgroups of machines whose test was killed; their processes have ended with it. */
const sweepCgroups = (): void => {
  for (const hierarchy of cgroupHierarchies()) {
    for (const name of readdirSync(hierarchy)) {
      if (isLeftBehind(prefix, name)) removeCgroup(join(hierarchy, name))
    }
  }
}

export class Machine {
  /** The machine's disk and logs, on this machine. */
  readonly folder: string
  /** Where its cgroups are, below each hierarchy. */
  readonly cgroup: string
  #kernel: Daemon | undefined
  #init = -1

  /** Starts a machine; resolves when it has booted. */
  static async start(): Promise<Machine> {
    sweepCgroups()
    const folder = await ownFolder(prefix)
    const machine = new Machine(folder)
    for (const name of ["lib", "log", "logs"]) await mkdir(join(folder, name))
    for (const name of ["kubelet", "containerd", "cni"]) await mkdir(join(folder, "lib", name))
    await writeFile(join(folder, "init.sh"), init)
    try {
      await machine.boot()
      return machine
    } catch (error) {
      await machine.stop()
      throw error
    }
  }

  private constructor(folder: string) {
    this.folder = folder
    this.cgroup = basename(folder)
  }

  /** Boots the machine: a new kernel's view, the old disk. */
  async boot(): Promise<void> {
    for (const hierarchy of cgroupHierarchies()) await mkdir(join(hierarchy, this.cgroup))
    const kernel = Daemon.start({
      name: "machine",
      command: "unshare",
      args: [
        ...["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
        ...["sh", join(this.folder, "init.sh"), this.folder]
      ],
      logFile: join(this.folder, "logs", "machine.log")
    })
    this.#kernel = kernel
    this.#init = await kernel.until("the machine to boot", 20_000, async () => {
      const pid = kernel.childPid()
      return pid !== undefined && existsSync(`/proc/${pid}/root/run/booted`) ? pid : undefined
    })
  }

  /** Ends every process of the machine at once; its disk stays. Resolves when they and their cgroups are gone. */
  async crash(): Promise<void> {
    const init = this.#init
    await this.#kernel?.stop("SIGKILL")
    await until("the machine's end", { deadlineMilliseconds: 20_000 }, async () =>
      init > 0 && existsSync(`/proc/${init}/root/run/booted`) ? undefined : true
    )
    await until("the machine's cgroups to go", { deadlineMilliseconds: 20_000 }, async () => {
      for (const hierarchy of cgroupHierarchies()) removeCgroup(join(hierarchy, this.cgroup))
      return true
    })
  }

  /** A path of the machine, as this machine reaches it. */
  path(inside: string): string {
    return join(`/proc/${this.#init}/root`, inside)
  }

  /** The mount table of the machine, as proc(5) has it. */
  mountTable(): string {
    return readFileSync(`/proc/${this.#init}/mountinfo`, "utf8")
  }

  /** A daemon that runs in the machine and logs into its folder. */
  daemon(options: Omit<DaemonOptions, "logFile" | "within">): Daemon {
    return Daemon.start({
      ...options,
      within: this.#init,
      logFile: join(this.folder, "logs", `${options.name}.log`)
    })
  }

  /** Runs a program in the machine to its end; rejects where it fails, with what it said. */
  run(command: string, ...args: ReadonlyArray<string>): Promise<string> {
    const child = spawn("nsenter", ["--target", `${this.#init}`, "--mount", "--pid", "--", command, ...args], {
      timeout: 60_000,
      killSignal: "SIGKILL"
    })
    child.stdin.end()
    const said: Array<Buffer> = []
    const complained: Array<Buffer> = []
    child.stdout.on("data", (bytes: Buffer) => said.push(bytes))
    child.stderr.on("data", (bytes: Buffer) => complained.push(bytes))
    return new Promise((resolve, reject) => {
      child.once("error", reject)
      child.once("close", (code, signal) => {
        if (code === 0) return resolve(Buffer.concat(said).toString("utf8"))
        const words = Buffer.concat([...said, ...complained]).toString("utf8")
        reject(new Error(`${command} ${args.join(" ")} ended with ${signal ?? code}: ${words}`))
      })
    })
  }

  /** Ends everything and removes the disk. May be called again. */
  async stop(): Promise<void> {
    await this.crash()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
