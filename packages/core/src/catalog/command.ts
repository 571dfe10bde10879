/**
 * `holdfast-catalog`: keeps the lock of a program's failures, and writes their reference.
 *
 * A command of `effect/cli`, so that a program can put it among its own; `bin/holdfast-catalog.js` runs it alone.
 */
import { Console, Effect, FileSystem, Path, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as Failure from "../failure/Failure.ts"
import * as Catalog from "./Catalog.ts"

/** There is no lock file yet. */
export class LockMissing extends Failure.Tagged<LockMissing>()(
  "LockMissing",
  { path: Schema.String },
  {
    code: "conf.catalog.lock_missing",
    reason: "no lock file",
    detail: ({ path }) => `there is no file ${path}`,
    hints: { operator: ["write it with `holdfast-catalog update`"] }
  }
) {}

/** A module of failures cannot be loaded, or holds none. */
export class ModuleUnusable extends Failure.Tagged<ModuleUnusable>()(
  "ModuleUnusable",
  { path: Schema.String, problem: Schema.String },
  {
    code: "conf.catalog.module_unusable",
    reason: "no failures to look at",
    detail: ({ path, problem }) => `${path} ${problem}`,
    hints: { operator: ["give --module the path of a module that exports failure classes"] }
  }
) {}

/** A file cannot be read or written. */
export class FileRefused extends Failure.Tagged<FileRefused>()(
  "FileRefused",
  { path: Schema.String, operation: Schema.Literals(["read", "write"]) },
  { code: "sys.catalog.file_refused", detail: ({ operation, path }) => `cannot ${operation} ${path}` }
) {}

const modules = Flag.String("module").pipe(
  Flag.withAlias("m"),
  Flag.withDescription("A module that exports failures; may be given several times"),
  Flag.atLeast(1)
)

const lock = Flag.String("lock").pipe(Flag.withDescription("The lock file"), Flag.withDefault("failures.lock.json"))

const load = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const path = yield* Path.Path
  const loaded = yield* Effect.forEach(
    paths,
    Effect.fnUntraced(function* (given) {
      const refused = (problem: string) => (cause: unknown) => new ModuleUnusable({ path: given, problem, cause })
      const url = yield* Effect.mapError(path.toFileUrl(path.resolve(given)), refused("is no path"))
      const module = yield* Effect.tryPromise({
        try: () => import(url.href) as Promise<object>,
        catch: refused("cannot be loaded")
      })
      yield* Failure.ensure(
        Catalog.make(module).entries.length > 0,
        () => new ModuleUnusable({ path: given, problem: "exports no failure" })
      )
      return module
    })
  )
  return Catalog.make(...loaded)
})

const readLock = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs
    .readFileString(path)
    .pipe(
      Effect.mapError((cause) =>
        cause.reason._tag === "NotFound"
          ? new LockMissing({ path, cause })
          : new FileRefused({ path, operation: "read", cause })
      )
    )
  return yield* Catalog.lockFromText(text, path)
})

const write = Effect.fnUntraced(function* (path: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs
    .writeFileString(path, text)
    .pipe(Effect.mapError((cause) => new FileRefused({ path, operation: "write", cause })))
})

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const checkCommand = Command.make(
  "check",
  { modules, lock },
  Effect.fnUntraced(function* (flags) {
    const catalog = yield* load(flags.modules)
    const { added, changes } = Catalog.check(yield* readLock(flags.lock), catalog)
    if (changes.length > 0) return yield* new Catalog.LockChanged({ path: flags.lock, changes: [...changes] })
    yield* Console.log(
      added.length === 0
        ? `${count(catalog.entries.length, "failure")}, as locked`
        : `${count(added.length, "new failure")}: ${added.join(", ")}. Run \`holdfast-catalog update\` to lock them.`
    )
  })
).pipe(Command.withDescription("Fail if a failure is gone or means something else than the lock says"))

const updateCommand = Command.make(
  "update",
  {
    modules,
    lock,
    acknowledge: Flag.String("acknowledge").pipe(
      Flag.withDescription("A code whose change is meant; may be given several times"),
      Flag.atLeast(0)
    )
  },
  Effect.fnUntraced(function* (flags) {
    const catalog = yield* load(flags.modules)
    const before = yield* readLock(flags.lock).pipe(
      Effect.catchTag("LockMissing", () => Effect.succeed<Catalog.Lock>({ version: 1, failures: {} }))
    )
    const { added, changes } = Catalog.check(before, catalog)
    const unmeant = changes.filter(({ code }) => !flags.acknowledge.includes(code))
    if (unmeant.length > 0) return yield* new Catalog.LockChanged({ path: flags.lock, changes: unmeant })
    yield* write(flags.lock, Catalog.lockToText(Catalog.toLock(catalog)))
    yield* Console.log(
      `${flags.lock}: ${count(catalog.entries.length, "failure")}, ${added.length} added, ${changes.length} changed`
    )
  })
).pipe(Command.withDescription("Write the lock; a change must be acknowledged by its code"))

const docsCommand = Command.make(
  "docs",
  {
    modules,
    markdown: Flag.String("markdown").pipe(
      Flag.withDescription("Where to write the page for people"),
      Flag.withDefault("")
    ),
    json: Flag.String("json").pipe(
      Flag.withDescription("Where to write the reference for machines"),
      Flag.withDefault("")
    )
  },
  Effect.fnUntraced(function* (flags) {
    const catalog = yield* load(flags.modules)
    if (flags.markdown !== "") yield* write(flags.markdown, Catalog.toMarkdown(catalog))
    if (flags.json !== "") yield* write(flags.json, Catalog.toJson(catalog))
    if (flags.markdown === "" && flags.json === "") yield* Console.log(Catalog.toMarkdown(catalog).trimEnd())
  })
).pipe(Command.withDescription("Write the reference; to standard output if no file is named"))

/**
 * The command. Exit codes are up to whoever runs it; `bin/holdfast-catalog.js` exits with 0 when all is well, 1 when the lock
 * is broken or cannot be used, 64 when the command line is wrong.
 */
export const command = Command.make("holdfast-catalog").pipe(
  Command.withDescription("The failures of a program: their lock and their reference"),
  Command.withSubcommands([checkCommand, updateCommand, docsCommand])
)
