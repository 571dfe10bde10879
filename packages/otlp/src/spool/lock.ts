import { Context, Effect, type FileSystem, Option, type PlatformError, Predicate, Random, Schema } from "effect"

/** What a lock needs to know about processes. */
export interface Processes {
  readonly pid: number
  readonly isAlive: (pid: number) => boolean
}

interface HostProcess {
  readonly pid?: number
  readonly kill?: (pid: number, signal: 0) => unknown
}

const host = (globalThis as { readonly process?: HostProcess }).process

const isAlive = (pid: number): boolean => {
  try {
    host?.kill?.(pid, 0)
    return true
  } catch (error) {
    // A process of another user may not be signalled, and lives.
    return Predicate.hasProperty(error, "code") && error.code === "EPERM"
  }
}

/** The processes of this machine as Node sees them. Replace it in tests. */
export const Processes: Context.Reference<Processes> = Context.Reference("@holdfast/otlp/Spool/Processes", {
  defaultValue: (): Processes => ({ pid: host?.pid ?? 0, isAlive })
})

const Owner = Schema.Struct({ pid: Schema.Int, started: Schema.String })
type Owner = typeof Owner.Type
const OwnerText = Schema.fromJsonString(Owner)

/**
 * When a process started, in the kernel's own ticks, or `""` where there is no `/proc`. Process ids come again, most of
 * all in containers where the program is always number 1; a start time does not.
 */
const startOf = (fs: FileSystem.FileSystem, pid: number): Effect.Effect<string> =>
  fs.readFileString(`/proc/${pid}/stat`).pipe(
    Effect.map((text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? ""),
    Effect.orElseSucceed(() => "")
  )

/** Takes the lock, or tells who has it. A lock whose owner is dead, or whose text nobody can read, is taken over. */
export const acquire = Effect.fnUntraced(function* (
  fs: FileSystem.FileSystem,
  directory: string
): Effect.fn.Return<
  { readonly path: string; readonly text: string; readonly heldBy: Option.Option<number> },
  PlatformError.PlatformError
> {
  const processes = yield* Processes
  const path = `${directory}/LOCK`
  const me: Owner = { pid: processes.pid, started: yield* startOf(fs, processes.pid) }
  const text = JSON.stringify(me)

  const holder = (found: string): Effect.Effect<Option.Option<number>> =>
    Schema.decodeUnknownEffect(OwnerText)(found).pipe(
      Effect.flatMap((owner) =>
        processes.isAlive(owner.pid)
          ? Effect.map(startOf(fs, owner.pid), (started) =>
              owner.started === "" || started === "" || owner.started === started
                ? Option.some(owner.pid)
                : Option.none()
            )
          : Effect.succeed(Option.none())
      ),
      Effect.orElseSucceed(() => Option.none())
    )

  for (;;) {
    if (yield* create(fs, path, me.pid, text)) return { path, text, heldBy: Option.none() }
    const found = yield* fs.readFileString(path).pipe(Effect.catchIf(isNotFound, () => Effect.succeed(undefined)))
    if (found === undefined) continue
    const heldBy = yield* holder(found)
    if (Option.isSome(heldBy)) return { path, text, heldBy }
    // Two processes may see the same dead owner. Moving the file aside tells them apart: whoever moved something else
    // than what it saw has moved the other's new lock, and puts it back.
    const aside = `${path}.${me.pid}-${yield* Random.nextIntBetween(0, 0x7fffffff)}.stale`
    yield* fs.rename(path, aside).pipe(Effect.catchIf(isNotFound, () => Effect.void))
    const moved = yield* fs.readFileString(aside).pipe(Effect.orElseSucceed(() => found))
    if (moved !== found) yield* Effect.ignore(fs.link(aside, path))
    yield* Effect.ignore(fs.remove(aside, { force: true }))
  }
})

/** Gives the lock back, if it is still ours. */
export const release = (
  fs: FileSystem.FileSystem,
  lock: { readonly path: string; readonly text: string }
): Effect.Effect<void> =>
  fs.readFileString(lock.path).pipe(
    Effect.flatMap((found) => (found === lock.text ? fs.remove(lock.path) : Effect.void)),
    Effect.ignore
  )

const isNotFound = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"
const isTaken = (error: PlatformError.PlatformError): boolean => error.reason._tag === "AlreadyExists"

/** `false` when there is a lock already. A linked file appears with its text in it, so nobody ever reads half a lock. */
const create = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string, pid: number, text: string) {
  const draft = `${path}.${pid}-${yield* Random.nextIntBetween(0, 0x7fffffff)}.draft`
  yield* fs.writeFileString(draft, text, { flag: "wx", mode: 0o600 })
  return yield* fs.link(draft, path).pipe(
    Effect.as(true),
    Effect.catchIf(isTaken, () => Effect.succeed(false)),
    // Not every file system has hard links.
    Effect.catch(() =>
      fs.writeFileString(path, text, { flag: "wx", mode: 0o600 }).pipe(
        Effect.as(true),
        Effect.catchIf(isTaken, () => Effect.succeed(false))
      )
    ),
    Effect.ensuring(Effect.ignore(fs.remove(draft, { force: true })))
  )
})
