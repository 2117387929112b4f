/**
 * How certlet sees that a set is no longer what it wrote. The folder of a set carries a mark in its name: a digest of
 * its files' names, sizes, inodes and times of change. The mark is swapped in with the set and outlives a restart, and
 * to compare it takes one stat per file, through the very links that the pod uses. It finds what happens to files by
 * accident or by a cleaner; somebody with root's rights who wants to hide a change can.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { errnoOf } from "../spec/errnoOf.ts"
import type { Folder } from "./NodeFolder.ts"

/** The link that the files' names lead through. */
export const data = "..data"

/** A set's folder: the time, mkdtemp's letters, and the mark; certlets before this one wrote none. */
const stageName = /^\.\.\d{4}(?:_\d\d){5}\.[0-9A-Za-z]{6}(?:-([0-9a-f]{16}))?$/

/** True for the name of a set's folder, finished or not. */
export const isStage = (name: string): boolean => stageName.test(name)

/** What a path leads to; undefined where it leads to nothing, or round in a circle. */
const statOf = (path: string): fs.BigIntStats | undefined => {
  try {
    return fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (cause) {
    if (["ELOOP", "ENOTDIR"].includes(errnoOf(cause))) return undefined
    throw cause
  }
}

/** The digest of these files, as they are seen through `pathOf`; undefined where one is not seen. */
const digestOf = (names: ReadonlyArray<string>, pathOf: (name: string) => string): string | undefined => {
  const hash = createHash("sha256")
  for (const name of [...names].sort()) {
    const stat = statOf(pathOf(name))
    if (stat === undefined) return undefined
    hash.update(`${name}\0${stat.size} ${stat.ino} ${stat.mtimeNs}\n`)
  }
  return hash.digest("hex").slice(0, 16)
}

/** The name that a finished folder gets. */
export const markedName = (folder: Folder, stage: string): string => {
  const path = `${folder.path}/${stage}`
  return `${stage}-${digestOf(fs.readdirSync(path), (name) => `${path}/${name}`)}`
}

/** True where the folder's files are those of its mark, as they are seen through `pathOf`. */
const matches = (folder: Folder, stage: string, pathOf: (name: string) => string): boolean => {
  const mark = stageName.exec(stage)?.[1]
  const digest = digestOf(fs.readdirSync(`${folder.path}/${stage}`), pathOf)
  return digest !== undefined && (mark === undefined || digest === mark)
}

/** Where a link points; undefined where there is none. */
export const linkAt = (folder: Folder, name: string): string | undefined =>
  fs.lstatSync(`${folder.path}/${name}`, { throwIfNoEntry: false })?.isSymbolicLink()
    ? fs.readlinkSync(`${folder.path}/${name}`)
    : undefined

const isFolder = (folder: Folder, name: string): boolean =>
  fs.lstatSync(`${folder.path}/${name}`, { throwIfNoEntry: false })?.isDirectory() === true

/** The set that `..data` points at, if it points at one of this volume. */
const linkedStage = (folder: Folder): string | undefined => {
  const stage = linkAt(folder, data)
  return stage !== undefined && isStage(stage) && isFolder(folder, stage) ? stage : undefined
}

const isWhole = (folder: Folder, stage: string): boolean =>
  matches(folder, stage, (name) => `${folder.path}/${stage}/${name}`)

/**
 * The set that the volume holds: the one that `..data` points at, else the latest whole one, whose link somebody took.
 */
export const currentStage = (folder: Folder): string | undefined =>
  linkedStage(folder) ??
  fs
    .readdirSync(folder.path)
    .filter((name) => stageName.exec(name)?.[1] !== undefined && isFolder(folder, name))
    .sort()
    .findLast((name) => isWhole(folder, name))

/** The set that the volume holds, where its files are as they were written, whatever became of the links to them. */
export const wholeStage = (folder: Folder): string | undefined => {
  const stage = currentStage(folder)
  return stage !== undefined && isWhole(folder, stage) ? stage : undefined
}

/** What a pod sees: nothing was written, the whole set, or not what was written. */
export const conditionOf = (folder: Folder): "empty" | "filled" | "damaged" => {
  const stage = linkedStage(folder)
  if (stage !== undefined) return matches(folder, stage, (name) => `${folder.path}/${name}`) ? "filled" : "damaged"
  const entry = fs.lstatSync(`${folder.path}/${data}`, { throwIfNoEntry: false })
  return entry === undefined && currentStage(folder) === undefined ? "empty" : "damaged"
}
