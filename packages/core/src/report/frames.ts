import type { Category } from "../classification.ts"
import { cappedMetadata } from "./caps.ts"
import { detailOf } from "../failure/instance.ts"
import { isFailure } from "../failure/model.ts"
import { classify } from "../identity/Classifier.ts"
import { messageOf, typeOf } from "../identity/reading.ts"
import { joinPath, type MetadataValue, metadataOf, ofError, pathOf } from "../operation/Operation.ts"

/** One link of what went wrong underneath. Optional members are absent when there is nothing to say. */
export interface Frame {
  /** From 0, the nearest cause first. */
  readonly index: number
  /** The reason of a declared failure, the message of any other error. */
  readonly message: string
  readonly code?: string
  readonly category?: Category
  /** Tag or class name. */
  readonly type?: string
  readonly reason?: string
  readonly path?: string
  readonly detail?: string
  readonly metadata?: Readonly<Record<string, MetadataValue>>
  /** True for exactly the last one. */
  readonly is_root_cause: boolean
}

/** More causes than this are counted instead of shown; the root cause always stays. */
export const maxFrames = 32

const describe = (error: unknown, index: number): Frame => {
  const type = typeOf(error)
  const base = { index, is_root_cause: false, ...(type === undefined ? {} : { type }) }
  if (!isFailure(error)) return { ...base, message: messageOf(error) }
  const { category, code, reason } = classify(error)
  const contexts = ofError(error)
  const path = joinPath(pathOf(contexts))
  const detail = detailOf(error)
  const metadata = cappedMetadata(metadataOf(contexts))
  return {
    ...base,
    message: reason,
    code,
    category,
    reason,
    ...(path === null ? {} : { path }),
    ...(detail === null ? {} : { detail }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata })
  }
}

export const framesOf = (errors: ReadonlyArray<unknown>): ReadonlyArray<Frame> => {
  if (errors.length === 0) return []
  const shown = errors.length <= maxFrames ? errors : [...errors.slice(0, maxFrames - 2), errors.at(-1)]
  const frames = shown.map((error, index): Frame => ({
    ...describe(error, index),
    is_root_cause: index === shown.length - 1
  }))
  if (shown.length === errors.length) return frames
  const omitted = { message: `… ${errors.length - shown.length} more causes …`, is_root_cause: false }
  const root = frames.at(-1)!
  return [...frames.slice(0, -1), { ...omitted, index: frames.length - 1 }, { ...root, index: frames.length }]
}
