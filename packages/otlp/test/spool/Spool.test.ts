import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Classifier, Failure } from "@holdfast/core"
import { Spool } from "@holdfast/otlp"
import { Duration, Effect, Exit, Fiber, FileSystem, Option, PlatformError, Scope } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload)

const directory = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "holdfast-spool-" })
)

/** Opens, uses, closes: what one life of a program does. */
const life = <A, E, R>(options: Spool.Options, use: (spool: Spool.Service) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(Spool.make(options), use))

/** Takes and acknowledges everything there is. */
const drain = Effect.fnUntraced(function* (spool: Spool.Service) {
  const out: Array<string> = []
  for (;;) {
    const next = yield* spool.take
    if (Option.isNone(next)) return out
    out.push(text(next.value.payload))
    yield* spool.acknowledge(next.value.sequence)
  }
})

const segments = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  return (yield* fs.readDirectory(path)).filter((name) => name.endsWith(".seg")).toSorted()
})

const codeOf = (error: unknown) => Classifier.classify(error).code
const leafOf = (error: Failure.Any): object => Failure.leafOf(error)

/** A disk on which some operations fail; everything else is the real one. */
const faulty = (overrides: (real: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Effect.map(FileSystem.FileSystem, (real) => FileSystem.FileSystem.of({ ...real, ...overrides(real) }))

const noSpace = PlatformError.systemError({
  _tag: "Unknown",
  module: "FileSystem",
  method: "write",
  cause: Object.assign(new Error("no space left on device"), { code: "ENOSPC" })
})

const ioError = PlatformError.systemError({
  _tag: "Unknown",
  module: "FileSystem",
  method: "sync",
  cause: Object.assign(new Error("i/o error"), { code: "EIO" })
})

layer(NodeFileSystem.layer)("Spool", (it) => {
  describe("append, take, acknowledge", () => {
    it.effect("gives records back oldest first, each to one taker, until it is acknowledged", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory })
        const a = yield* spool.append(bytes("a"), { items: 3, kind: 200 })
        yield* spool.append(bytes("b"), { items: 1 })
        assert.deepInclude(a, { sequence: 1, items: 3, kind: 200, size: 1 })

        const peeked = Option.getOrThrow(yield* spool.peek)
        const first = Option.getOrThrow(yield* spool.take)
        const second = Option.getOrThrow(yield* spool.take)
        assert.deepStrictEqual(
          [peeked, first, second].map((entry) => text(entry.payload)),
          ["a", "a", "b"]
        )
        assert.isTrue(Option.isNone(yield* spool.take))
        assert.deepInclude(yield* spool.stats, { records: 2, items: 4, inFlight: 2 })

        yield* spool.release(first.sequence)
        assert.strictEqual(Option.getOrThrow(yield* spool.take).sequence, first.sequence)
        yield* spool.acknowledge(first.sequence)
        yield* spool.acknowledge(first.sequence)
        yield* spool.acknowledge(second.sequence)
        yield* spool.acknowledge(99)
        assert.deepInclude(yield* spool.stats, { records: 0, items: 0, inFlight: 0, acknowledged: 2, appended: 2 })
      })
    )

    it.effect(
      "hands a record over: acknowledged when that works, there again when it fails, dies or is interrupted",
      () =>
        Effect.gen(function* () {
          const spool = yield* Spool.make({ directory: yield* directory })
          yield* spool.append(bytes("a"), { items: 1 })
          assert.strictEqual(yield* Effect.flip(spool.deliver(() => Effect.fail("no"))), "no")
          assert.isTrue(Exit.hasDies(yield* Effect.exit(spool.deliver(() => Effect.die("no")))))
          const fiber = yield* Effect.forkChild(spool.deliver(() => Effect.never))
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          assert.deepInclude(yield* spool.stats, { records: 1, inFlight: 0, acknowledged: 0 })
          const seen: Array<string> = []
          const deliver = spool.deliver(({ payload }) => Effect.sync(() => seen.push(text(payload))))
          assert.deepStrictEqual([yield* deliver, yield* deliver], [true, false])
          assert.deepStrictEqual(seen, ["a"])
          assert.deepInclude(yield* spool.stats, { records: 0, inFlight: 0, acknowledged: 1 })
        })
    )

    it.effect("tells how old the oldest record is, by the clock", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory })
        assert.isTrue(Option.isNone((yield* spool.stats).oldestAge))
        yield* spool.append(bytes("a"), { items: 1 })
        yield* TestClock.adjust("90 seconds")
        yield* spool.append(bytes("b"), { items: 1 })
        assert.deepStrictEqual((yield* spool.stats).oldestAge, Option.some(Duration.seconds(90)))
      })
    )

    it.effect("keeps everything across lives, and continues the sequence", () =>
      Effect.gen(function* () {
        const options = { directory: yield* directory }
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            for (const name of ["a", "b", "c"]) yield* spool.append(bytes(name), { items: 1 })
            yield* spool.acknowledge(2)
            yield* spool.take
          })
        )
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* spool.append(bytes("d"), { items: 1 })).sequence, 4)
            assert.deepInclude(yield* spool.stats, { records: 3, corrupted: 0 })
            assert.deepStrictEqual(yield* drain(spool), ["a", "c", "d"])
          })
        )
        assert.deepStrictEqual(yield* segments(options.directory), [])
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* drain(spool), [])
            assert.strictEqual((yield* spool.append(bytes("e"), { items: 1 })).sequence, 5)
          })
        )
      })
    )

    it.effect("serves many fibers at once without losing or doubling a record", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory, fsync: "always", segmentBytes: 2048 })
        const names = Array.from({ length: 200 }, (_, at) => `record ${at}`)
        const consumer = Effect.gen(function* () {
          const out: Array<string> = []
          while (out.length < 50) {
            const next = yield* spool.take
            if (Option.isNone(next)) {
              yield* Effect.yieldNow
              continue
            }
            out.push(text(next.value.payload))
            yield* spool.acknowledge(next.value.sequence)
          }
          return out
        })
        const consumers = yield* Effect.forkChild(
          Effect.all([consumer, consumer, consumer, consumer], { concurrency: 4 })
        )
        yield* Effect.forEach(names, (name) => spool.append(bytes(name), { items: 1 }), { concurrency: 50 })
        const out = (yield* Fiber.join(consumers)).flat()
        assert.deepStrictEqual(out.toSorted(), names.toSorted())
        assert.deepInclude(yield* spool.stats, { records: 0, acknowledged: 200 })
      })
    )

    it.effect("loses no permit, no record and no agreement with the disk when its callers are interrupted", () =>
      Effect.gen(function* () {
        const path = yield* directory
        let confirmed = 0
        const options: Spool.Options = { directory: path, fsync: "always", segmentBytes: 8192 }
        const left = yield* life(options, (spool) =>
          Effect.gen(function* () {
            yield* spool.append(bytes("first"), { items: 1 })
            for (let round = 0; round < 300; round++) {
              const calls = [
                spool.append(new Uint8Array(100), { items: 1 }).pipe(Effect.tap(() => Effect.sync(() => confirmed++))),
                Effect.flatMap(spool.take, (next) =>
                  Option.isSome(next) ? spool.release(next.value.sequence) : Effect.void
                ),
                Effect.flatMap(spool.peek, (next) =>
                  Option.isSome(next) && round % 3 === 0 ? spool.acknowledge(next.value.sequence) : Effect.void
                )
              ]
              // The first one is in the middle of its work on the disk when it is interrupted, the others wait for their turn.
              const order = [...calls.slice(round % 3), ...calls.slice(0, round % 3)]
              const fibers = yield* Effect.forEach(order, (call) => Effect.forkChild(call, { startImmediately: true }))
              for (let tick = 0; tick < round % 4; tick++) yield* Effect.promise(() => new Promise(setImmediate))
              yield* Fiber.interruptAll(fibers)
            }
            yield* spool.append(bytes("still alive"), { items: 1 })
            return yield* spool.stats
          })
        )
        assert.isAtLeast(left.appended, confirmed + 2)
        assert.strictEqual(left.records, left.appended - left.acknowledged)
        assert.strictEqual(left.inFlight, 0)
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            assert.deepInclude(yield* spool.stats, { records: left.records, items: left.items, corrupted: 0 })
          })
        )
      })
    )

    it.effect("deletes a segment when all of it is done, and not before", () =>
      Effect.gen(function* () {
        const path = yield* directory
        const spool = yield* Spool.make({ directory: path, segmentBytes: 1024 })
        for (let at = 0; at < 6; at++) yield* spool.append(new Uint8Array(400), { items: 1 })
        assert.strictEqual((yield* segments(path)).length, 3)
        yield* spool.acknowledge(1)
        assert.strictEqual((yield* segments(path)).length, 3)
        yield* spool.acknowledge(2)
        assert.strictEqual((yield* segments(path)).length, 2)
      })
    )

    it.effect("gives a record larger than a segment a segment of its own", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory, segmentBytes: 1024 })
        yield* spool.append(new Uint8Array(5000).fill(3), { items: 1 })
        yield* spool.append(bytes("after"), { items: 1 })
        assert.strictEqual(Option.getOrThrow(yield* spool.take).payload.length, 5000)
        assert.strictEqual((yield* spool.stats).segments, 2)
      })
    )

    it.effect("refuses a count or a kind that cannot be stored", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory })
        for (const options of [{ items: -1 }, { items: 1.5 }, { items: 1, kind: 256 }]) {
          assert.strictEqual(codeOf(yield* Effect.flip(spool.append(bytes("a"), options))), "conf.invalid_value")
        }
      })
    )
  })

  describe("a dead letter", () => {
    it.effect("is the payload with the reason beside it, and never comes again", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const options = { directory: yield* directory }
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            yield* spool.append(bytes("poison"), { items: 7 })
            yield* spool.append(bytes("good"), { items: 1 })
            const poison = Option.getOrThrow(yield* spool.take)
            yield* spool.reject(poison.sequence, { code: "sys.http_rejected", detail: "http://c answered 400" })
            yield* spool.reject(poison.sequence, { code: "sys.http_rejected" })
            assert.deepInclude(yield* spool.stats, { records: 1, rejected: 1 })
          })
        )
        const folder = `${options.directory}/dead-letter`
        const names = (yield* fs.readDirectory(folder)).toSorted()
        assert.strictEqual(names.length, 2)
        assert.strictEqual(yield* fs.readFileString(`${folder}/${names[0]}`), "poison")
        assert.deepInclude(JSON.parse(yield* fs.readFileString(`${folder}/${names[1]}`)), {
          sequence: 1,
          items: 7,
          size: 6,
          code: "sys.http_rejected",
          detail: "http://c answered 400"
        })
        assert.deepStrictEqual(yield* life(options, drain), ["good"])
      })
    )
  })

  describe("what was refused before it was in the spool", () => {
    it.effect("becomes a dead letter at once: nobody can take it, and it needs no room in the log", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const spool = yield* Spool.make({ directory: path, segmentBytes: 4096, maxBytes: 8192, onFull: "reject" })
        yield* spool.append(new Uint8Array(8000), { items: 1 })
        for (const body of ["one", "two"]) {
          yield* spool.deadLetter(bytes(body), { items: 3, kind: 7 }, { code: "sys.http_rejected", detail: "400" })
        }
        assert.deepInclude(yield* spool.stats, { records: 1, items: 1, appended: 1, rejected: 2 })
        yield* spool.acknowledge(1)
        assert.isTrue(Option.isNone(yield* spool.take))
        const folder = `${path}/dead-letter`
        const names = (yield* fs.readDirectory(folder)).toSorted()
        assert.strictEqual(names.length, 4)
        const bodies = yield* Effect.forEach(
          names.filter((name) => name.endsWith(".bin")),
          (name) => fs.readFileString(`${folder}/${name}`)
        )
        assert.sameMembers(bodies, ["one", "two"])
        const note = names.find((name) => name.endsWith(".json"))
        assert.deepInclude(JSON.parse(yield* fs.readFileString(`${folder}/${note}`)), {
          items: 3,
          kind: 7,
          size: 3,
          code: "sys.http_rejected",
          detail: "400"
        })
      })
    )

    it.effect("is still the caller's when the disk refuses, and when its options are wrong", () =>
      Effect.gen(function* () {
        const fs = yield* faulty((real) => ({
          makeDirectory: (name, options) =>
            name.endsWith("dead-letter") ? Effect.fail(ioError) : real.makeDirectory(name, options)
        }))
        const spool = yield* Spool.make({ directory: yield* directory }).pipe(
          Effect.provideService(FileSystem.FileSystem, fs)
        )
        const refused = yield* Effect.flip(spool.deadLetter(bytes("one"), { items: 1 }, { code: "sys.http_rejected" }))
        assert.strictEqual(codeOf(refused), "sys.spool_unavailable")
        const wrong = yield* Effect.flip(spool.deadLetter(bytes("one"), { items: -1 }, { code: "sys.http_rejected" }))
        assert.strictEqual(codeOf(wrong), "conf.invalid_value")
        assert.deepInclude(yield* spool.stats, { records: 0, rejected: 0 })
      })
    )
  })

  describe("the dead-letter folder", () => {
    it.effect("keeps no secret that stands in the reason", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const spool = yield* Spool.make({ directory: path })
        const { sequence } = yield* spool.append(bytes("poison"), { items: 1 })
        yield* spool.reject(sequence, {
          code: "sys.http_rejected",
          detail: "no: Authorization: Bearer hunter2.hunter2.h"
        })
        const name = (yield* fs.readDirectory(`${path}/dead-letter`)).find((each) => each.endsWith(".json"))
        const note = yield* fs.readFileString(`${path}/dead-letter/${name}`)
        assert.include(note, "<redacted>")
        assert.notInclude(note, "hunter2")
      })
    )

    it.effect("stays within its limit: the oldest letters go, and are counted", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const spool = yield* Spool.make({ directory: path, maxDeadLetterBytes: 2048 })
        for (let at = 0; at < 8; at++) {
          const { sequence } = yield* spool.append(new Uint8Array(500), { items: 1 })
          yield* spool.reject(sequence, { code: "sys.http_rejected" })
        }
        const names = (yield* fs.readDirectory(`${path}/dead-letter`)).toSorted()
        const sizes = yield* Effect.forEach(names, (name) => fs.stat(`${path}/dead-letter/${name}`))
        assert.isAtMost(
          sizes.reduce((sum, { size }) => sum + Number(size), 0),
          2048
        )
        const kept = names.filter((name) => name.endsWith(".bin"))
        const { forgotten, rejected } = yield* spool.stats
        assert.strictEqual(rejected, 8)
        assert.strictEqual(forgotten + kept.length, 8)
        assert.isTrue(kept.at(-1)?.startsWith("0000000000000008-"))
      })
    )

    it.effect("that cannot be written leaves the record where it was", () =>
      Effect.gen(function* () {
        const path = yield* directory
        const fs = yield* faulty((real) => ({
          makeDirectory: (name, options) =>
            name.endsWith("dead-letter") ? Effect.fail(ioError) : real.makeDirectory(name, options)
        }))
        const scenario = life({ directory: path }, (spool) =>
          Effect.gen(function* () {
            const { sequence } = yield* spool.append(bytes("poison"), { items: 1 })
            const error = yield* Effect.flip(spool.reject(sequence, { code: "sys.http_rejected" }))
            assert.strictEqual(codeOf(error), "sys.spool_unavailable")
            assert.deepInclude(yield* spool.stats, { records: 1, rejected: 0 })
          })
        )
        yield* Effect.provideService(scenario, FileSystem.FileSystem, fs)
      })
    )
  })

  describe("the directory", () => {
    it.effect("is readable by its owner only, and so is every file", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = `${yield* directory}/deep/spool`
        const spool = yield* Spool.make({ directory: path })
        yield* spool.append(bytes("a"), { items: 1 })
        yield* spool.append(bytes("b"), { items: 1 })
        yield* spool.acknowledge(1)
        yield* spool.reject(2, { code: "sys.http_rejected" })
        const modeOf = (name: string) => Effect.map(fs.stat(name), (info) => info.mode & 0o777)
        assert.strictEqual(yield* modeOf(path), 0o700)
        assert.strictEqual(yield* modeOf(`${path}/dead-letter`), 0o700)
        for (const name of yield* fs.readDirectory(path, { recursive: true })) {
          if (name !== "dead-letter") assert.strictEqual(yield* modeOf(`${path}/${name}`), 0o600, name)
        }
      })
    )

    it.effect("belongs to one owner: a second one is told who has it, and gets it afterwards", () =>
      Effect.gen(function* () {
        const options = { directory: yield* directory }
        yield* life(options, () =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(life(options, drain))
            assert.strictEqual(codeOf(error), "sys.spool_locked")
            assert.deepInclude(leafOf(error), { pid: process.pid })
          })
        )
        assert.deepStrictEqual(yield* life(options, drain), [])
      })
    )

    it.effect(
      "is taken over from an owner who is dead, whose number another process has now, or whose lock is garbage",
      () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const options = { directory: yield* directory }
          const dead = JSON.stringify({ pid: 999_999_999, started: "1" })
          const reused = JSON.stringify({ pid: process.pid, started: "1" })
          for (const lock of [dead, reused, "", "{", "null"]) {
            yield* fs.writeFileString(`${options.directory}/LOCK`, lock)
            assert.deepStrictEqual(yield* life(options, drain), [], lock)
            assert.deepStrictEqual(yield* fs.readDirectory(options.directory), [])
          }
        })
    )

    it.effect("is not taken from a living process, whoever owns it", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        yield* fs.writeFileString(`${path}/LOCK`, JSON.stringify({ pid: process.ppid, started: "" }))
        const error = yield* Effect.flip(life({ directory: path }, drain))
        assert.deepInclude(leafOf(error), { _tag: "SpoolLocked", pid: process.ppid })
      })
    )

    it.effect("goes to exactly one of many who find the same stale lock", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        yield* fs.writeFileString(`${path}/LOCK`, JSON.stringify({ pid: 999_999_999, started: "1" }))
        const scope = yield* Effect.scope
        const attempts = yield* Effect.forEach(
          Array.from({ length: 8 }),
          () => Effect.exit(Scope.provide(Spool.make({ directory: path }), scope)),
          { concurrency: 8 }
        )
        assert.strictEqual(attempts.filter(Exit.isSuccess).length, 1)
      })
    )

    it.effect("is not lost to somebody who still sees the dead owner's lock when a new owner has come", () =>
      Effect.gen(function* () {
        const real = yield* FileSystem.FileSystem
        const path = yield* directory
        yield* real.writeFileString(`${path}/LOCK`, JSON.stringify({ pid: process.ppid, started: "" }))
        let stale = true
        const fs = yield* faulty(() => ({
          readFileString: (name, encoding) => {
            if (!name.endsWith("/LOCK") || !stale) return real.readFileString(name, encoding)
            stale = false
            return Effect.succeed(JSON.stringify({ pid: 999_999_999, started: "1" }))
          }
        }))
        const error = yield* Effect.flip(
          Effect.provideService(life({ directory: path }, drain), FileSystem.FileSystem, fs)
        )
        assert.deepInclude(leafOf(error), { _tag: "SpoolLocked", pid: process.ppid })
      })
    )

    it.effect("that cannot be made or written is a failure with its path, and leaves no lock behind", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const parent = yield* directory
        yield* fs.writeFileString(`${parent}/file`, "")
        for (const path of [`${parent}/file`, `${parent}/file/below`]) {
          const error = yield* Effect.flip(life({ directory: path }, drain))
          assert.strictEqual(codeOf(error), "sys.spool_unavailable")
          assert.include(error.message, path)
          assert.isDefined(error.cause)
        }
        const readOnly = yield* faulty(() => ({
          writeFileString: (path) =>
            Effect.fail(
              PlatformError.systemError({
                _tag: "PermissionDenied",
                module: "FileSystem",
                method: "writeFile",
                pathOrDescriptor: path
              })
            )
        }))
        const error = yield* Effect.flip(
          Effect.provideService(life({ directory: parent }, drain), FileSystem.FileSystem, readOnly)
        )
        assert.strictEqual(codeOf(error), "sys.spool_unavailable")
        assert.include(error.message, parent)
      })
    )

    it.effect("is checked against its options: each refusal names the option", () =>
      Effect.gen(function* () {
        const path = yield* directory
        const wrong: ReadonlyArray<readonly [string, unknown]> = [
          ["directory", { directory: "" }],
          ["maxBytes", { directory: path, maxBytes: 10 }],
          ["segmentBytes", { directory: path, segmentBytes: -1 }],
          ["fsync", { directory: path, fsync: "sometimes" }],
          ["fsyncInterval", { directory: path, fsyncInterval: Duration.zero }],
          ["colour", { directory: path, colour: "red" }]
        ]
        for (const [name, options] of wrong) {
          const error = yield* Effect.flip(life(options as Spool.Options, drain))
          assert.strictEqual(codeOf(error), "conf.invalid_value")
          assert.include(error.message, name)
        }
      })
    )
  })

  describe("a full spool", () => {
    it.effect("rejects the next record, and takes it once there is room again", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory, maxBytes: 2048, segmentBytes: 1024 })
        const append = spool.append(new Uint8Array(400), { items: 2 })
        for (let at = 0; at < 4; at++) yield* append
        const error = yield* Effect.flip(append)
        assert.strictEqual(codeOf(error), "sys.spool_full")
        assert.deepInclude(leafOf(error), { size: 430, limit: 2048 })
        assert.isAtMost((yield* spool.stats).bytes, 2048)
        yield* spool.acknowledge(1)
        assert.strictEqual(codeOf(yield* Effect.flip(append)), "sys.spool_full")
        yield* spool.acknowledge(2)
        assert.strictEqual((yield* append).sequence, 5)
      })
    )

    it.effect("takes back the room of the open segment when all of that is done", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory, maxBytes: 1024, segmentBytes: 1024 })
        for (let at = 0; at < 20; at++) {
          const { sequence } = yield* spool.append(new Uint8Array(400), { items: 1 })
          yield* spool.acknowledge(sequence)
        }
        assert.isAtMost((yield* spool.stats).bytes, 1024)
      })
    )

    it.effect("evicts the oldest whole segment when asked to, and counts what was in it", () =>
      Effect.gen(function* () {
        const path = yield* directory
        const options: Spool.Options = { directory: path, maxBytes: 2048, segmentBytes: 1024, onFull: "evict" }
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            for (let at = 0; at < 5; at++) yield* spool.append(new Uint8Array(400).fill(at), { items: 10 })
            const stats = yield* spool.stats
            assert.deepInclude(stats, { records: 3, items: 30, corrupted: 0 })
            assert.deepStrictEqual(stats.dropped, { records: 2, items: 20 })
            assert.isAtMost(stats.bytes, 2048)
            assert.strictEqual(Option.getOrThrow(yield* spool.take).sequence, 3)
          })
        )
        yield* life(options, (spool) =>
          Effect.gen(function* () {
            assert.deepInclude(yield* spool.stats, { records: 3, corrupted: 0 })
          })
        )
      })
    )

    it.effect("never evicts for a record that could not fit anyway", () =>
      Effect.gen(function* () {
        const spool = yield* Spool.make({ directory: yield* directory, maxBytes: 1024, onFull: "evict" })
        yield* spool.append(bytes("keep"), { items: 1 })
        assert.strictEqual(
          codeOf(yield* Effect.flip(spool.append(new Uint8Array(1000), { items: 1 }))),
          "sys.spool_full"
        )
        assert.deepStrictEqual(yield* drain(spool), ["keep"])
      })
    )
  })

  describe("a failing disk", () => {
    it.effect(
      "that is full in the middle of a record leaves nothing of it, and the spool goes on when there is room",
      () =>
        Effect.gen(function* () {
          const path = yield* directory
          let full: "no" | "yes" | "and cannot be truncated" = "no"
          const fs = yield* faulty((real) => ({
            truncate: (name, length) =>
              full === "and cannot be truncated" ? Effect.fail(ioError) : real.truncate(name, length),
            open: (name, options) =>
              Effect.map(real.open(name, options), (file) => ({
                ...file,
                sync: file.sync,
                read: (buffer, at) => file.read(buffer, at),
                writeAll: (data) =>
                  Effect.suspend(() =>
                    full !== "no"
                      ? Effect.andThen(file.writeAll(data.subarray(0, 31)), Effect.fail(noSpace))
                      : file.writeAll(data)
                  )
              }))
          }))
          const scenario = life({ directory: path }, (spool) =>
            Effect.gen(function* () {
              yield* spool.append(bytes("before"), { items: 1 })
              for (const how of ["and cannot be truncated", "yes"] as const) {
                full = how
                const error = yield* Effect.flip(spool.append(bytes("lost"), { items: 1 }))
                assert.strictEqual(codeOf(error), "sys.spool_full")
                assert.notProperty(leafOf(error), "limit")
              }
              full = "no"
              yield* spool.append(bytes("after"), { items: 1 })
              assert.deepInclude(yield* spool.stats, { records: 2, appended: 2 })
            })
          )
          yield* Effect.provideService(scenario, FileSystem.FileSystem, fs)
          yield* life({ directory: path }, (spool) =>
            Effect.gen(function* () {
              assert.strictEqual((yield* spool.stats).corrupted, 0)
              assert.deepStrictEqual(yield* drain(spool), ["before", "after"])
            })
          )
        })
    )

    it.effect("that cannot flush fails the append, and the record is not delivered later", () =>
      Effect.gen(function* () {
        const path = yield* directory
        let broken = true
        const fs = yield* faulty((real) => ({
          open: (name, options) =>
            Effect.map(real.open(name, options), (file) => ({
              ...file,
              read: (buffer, at) => file.read(buffer, at),
              writeAll: (data) => file.writeAll(data),
              sync: Effect.suspend(() => (broken ? Effect.fail(ioError) : file.sync))
            }))
        }))
        const scenario = life({ directory: path, fsync: "always" }, (spool) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(spool.append(bytes("a"), { items: 1 }))
            assert.strictEqual(codeOf(error), "sys.spool_unavailable")
            broken = false
            yield* spool.append(bytes("b"), { items: 1 })
            assert.deepStrictEqual(yield* drain(spool), ["b"])
          })
        )
        yield* Effect.provideService(scenario, FileSystem.FileSystem, fs)
      })
    )

    it.effect("flushes before the append returns, every so often, or never, as asked", () =>
      Effect.gen(function* () {
        const flushes = (fsync: Spool.Fsync) =>
          Effect.gen(function* () {
            let count = 0
            const fs = yield* faulty((real) => ({
              open: (name, options) =>
                Effect.map(real.open(name, options), (file) => ({
                  ...file,
                  writeAll: (data) => file.writeAll(data),
                  sync: name.endsWith(".seg")
                    ? Effect.andThen(
                        Effect.sync(() => count++),
                        file.sync
                      )
                    : file.sync
                }))
            }))
            const scenario = life(
              { directory: yield* directory, fsync, fsyncInterval: Duration.millis(200) },
              (spool) =>
                Effect.gen(function* () {
                  yield* spool.append(bytes("a"), { items: 1 })
                  yield* spool.append(bytes("b"), { items: 1 })
                  const atOnce = count
                  yield* TestClock.adjust("200 millis")
                  // The flush is real I/O: it does not end with the tick that began it.
                  yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
                  const afterTick = count
                  yield* TestClock.adjust("2 seconds")
                  return [atOnce, afterTick, count]
                })
            )
            return yield* Effect.provideService(scenario, FileSystem.FileSystem, fs)
          })
        assert.deepStrictEqual(yield* flushes("always"), [2, 2, 2])
        assert.deepStrictEqual(yield* flushes("interval"), [0, 1, 1])
        assert.deepStrictEqual(yield* flushes("never"), [0, 0, 0])
      })
    )
  })

  it.effect("makes its own name and that of a new segment durable, too, when it flushes always", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const opened: Array<string> = []
      const fs = yield* faulty((real) => ({
        open: (name, options) => Effect.tap(real.open(name, options), () => Effect.sync(() => opened.push(name)))
      }))
      const append = (spool: Spool.Service) => spool.append(bytes("a"), { items: 1 })
      yield* Effect.provideService(life({ directory: path, fsync: "always" }, append), FileSystem.FileSystem, fs)
      const segment = `${path}/0000000000000001.seg`
      assert.deepStrictEqual(opened, [`${path}/..`, segment, path])
    })
  )

  describe("after a crash", () => {
    for (const fsync of ["always", "interval", "never"] as const) {
      it.effect(`by SIGKILL with fsync ${fsync}, every record whose append had succeeded is there`, () =>
        Effect.gen(function* () {
          const path = yield* directory
          const last = yield* Effect.promise(
            () =>
              new Promise<number>((resolve) => {
                const child = spawn(
                  process.execPath,
                  [
                    "--conditions=@holdfast/source",
                    fileURLToPath(new URL("appender.ts", import.meta.url)),
                    path,
                    fsync
                  ],
                  { stdio: ["ignore", "pipe", "inherit"] }
                )
                let confirmed = 0
                createInterface({ input: child.stdout }).on("line", (line) => {
                  confirmed = Number(line)
                  if (confirmed === 100) child.kill("SIGKILL")
                })
                child.on("close", () => resolve(confirmed))
              })
          )
          assert.isAtLeast(last, 100)
          yield* life({ directory: path }, (spool) =>
            Effect.gen(function* () {
              const stats = yield* spool.stats
              assert.isAtLeast(stats.records, last)
              assert.isAtMost(stats.records, last + 1)
              assert.strictEqual(stats.corrupted, 0)
              assert.strictEqual((yield* drain(spool)).length, stats.records)
            })
          )
        })
      )
    }
  })

  describe("a directory that was damaged", () => {
    const filled = Effect.fnUntraced(function* (path: string) {
      yield* life({ directory: path, segmentBytes: 1024 }, (spool) =>
        Effect.forEach([1, 2, 3, 4, 5, 6], (at) => spool.append(bytes(`${at}`.repeat(400)), { items: 1 }))
      )
      return yield* segments(path)
    })
    const heads = (out: ReadonlyArray<string>) => out.map((payload) => Number(payload[0]))
    const reopened = (path: string) =>
      life({ directory: path }, (spool) =>
        Effect.gen(function* () {
          const { corrupted } = yield* spool.stats
          return { corrupted, delivered: heads(yield* drain(spool)) }
        })
      )

    it.effect("by a bit in the middle loses that record, counts it, and replays the rest", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const [first] = yield* filled(path)
        const data = yield* fs.readFile(`${path}/${first}`)
        data[200]! ^= 4
        yield* fs.writeFile(`${path}/${first}`, data)
        assert.deepStrictEqual(yield* reopened(path), { corrupted: 1, delivered: [2, 3, 4, 5, 6] })
      })
    )

    it.effect("while it is open loses that record, counts it, and goes on", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const spool = yield* Spool.make({ directory: path, segmentBytes: 1024 })
        for (const at of [1, 2, 3, 4, 5]) yield* spool.append(bytes(`${at}`.repeat(400)), { items: 1 })
        const [first, second] = yield* segments(path)
        const data = yield* fs.readFile(`${path}/${first}`)
        data[200]! ^= 4
        yield* fs.writeFile(`${path}/${first}`, data)
        yield* fs.remove(`${path}/${second}`)
        assert.deepStrictEqual(heads(yield* drain(spool)), [2, 5])
        assert.deepInclude(yield* spool.stats, { corrupted: 3, acknowledged: 2, records: 0 })
      })
    )

    it.effect("by cutting a file anywhere gives the whole records before the cut and all of the other files", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        for (const [cut, delivered] of [
          [0, [1, 2, 3, 4]],
          [31, [1, 2, 3, 4]],
          [32, [1, 2, 3, 4]],
          [461, [1, 2, 3, 4]],
          [462, [1, 2, 3, 4, 5]],
          [891, [1, 2, 3, 4, 5]],
          [892, [1, 2, 3, 4, 5, 6]]
        ] as const) {
          const path = yield* directory
          const names = yield* filled(path)
          yield* fs.truncate(`${path}/${names[2]}`, cut)
          assert.deepStrictEqual((yield* reopened(path)).delivered, [...delivered], `cut at ${cut}`)
        }
      })
    )

    it.effect("by deleting a segment counts what was in it", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const names = yield* filled(path)
        yield* fs.remove(`${path}/${names[1]}`)
        assert.deepStrictEqual(yield* reopened(path), { corrupted: 2, delivered: [1, 2, 5, 6] })
      })
    )

    it.effect("by losing the end of a segment never gives a sequence again that is done, and counts the rest", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        yield* life({ directory: path }, (spool) =>
          Effect.gen(function* () {
            for (const at of [1, 2, 3, 4, 5]) yield* spool.append(bytes(`${at}`.repeat(100)), { items: 1 })
            yield* spool.acknowledge(5)
          })
        )
        const [first] = yield* segments(path)
        // In the middle of the fourth record.
        yield* fs.truncate(`${path}/${first}`, 32 + 3 * 130 + 50)
        yield* life({ directory: path }, (spool) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* spool.append(bytes("6"), { items: 1 })).sequence, 6)
            assert.strictEqual((yield* spool.append(bytes("7"), { items: 1 })).sequence, 7)
            assert.strictEqual((yield* spool.stats).corrupted, 1)
            assert.deepStrictEqual(heads(yield* drain(spool)), [1, 2, 3, 6, 7])
          })
        )
      })
    )

    it.effect("by a file named after a record in the middle of another segment counts no loss", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        for (const content of ["", `${"Z".repeat(32)}\0\0\0\x05${"Z".repeat(31)}`]) {
          const path = yield* directory
          yield* life({ directory: path, segmentBytes: 2048 }, (spool) =>
            Effect.forEach([1, 2, 3, 4, 5, 6], (at) => spool.append(bytes(`${at}`.repeat(400)), { items: 1 }))
          )
          assert.deepStrictEqual(yield* segments(path), ["0000000000000001.seg", "0000000000000005.seg"])
          yield* fs.writeFileString(`${path}/0000000000000003.seg`, content)
          assert.deepStrictEqual(yield* reopened(path), { corrupted: 0, delivered: [1, 2, 3, 4, 5, 6] })
        }
      })
    )

    it.effect("or killed after thousands were done out of order, it does not send those again", () =>
      Effect.gen(function* () {
        const path = yield* directory
        yield* life({ directory: path, fsync: "never" }, (spool) =>
          Effect.gen(function* () {
            for (let at = 1; at <= 1500; at++) yield* spool.append(bytes(`${at}`), { items: 1 })
            for (let at = 1500; at > 1; at--) yield* spool.acknowledge(at)
          })
        )
        assert.deepStrictEqual(yield* life({ directory: path }, drain), ["1"])
      })
    )

    it.effect("by deleting or damaging the cursor sends again what was sent, and skips nothing", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        for (const damage of ["", "{}", '{"done":6,"beyond":[],"check":1}', undefined]) {
          const path = yield* directory
          yield* filled(path)
          yield* life({ directory: path }, (spool) => spool.acknowledge(1))
          yield* damage === undefined ? fs.remove(`${path}/cursor`) : fs.writeFileString(`${path}/cursor`, damage)
          assert.deepStrictEqual(yield* reopened(path), { corrupted: 0, delivered: [1, 2, 3, 4, 5, 6] })
        }
      })
    )

    it.effect("by foreign files leaves those alone", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        yield* filled(path)
        yield* fs.writeFileString(`${path}/notes.seg`, "mine")
        yield* fs.writeFileString(`${path}/README`, "mine")
        assert.deepStrictEqual(yield* reopened(path), { corrupted: 0, delivered: [1, 2, 3, 4, 5, 6] })
        assert.strictEqual(yield* fs.readFileString(`${path}/notes.seg`), "mine")
        assert.isTrue(yield* fs.exists(`${path}/README`))
      })
    )

    it.effect("by a segment of which nothing can be read sets it aside, and goes on behind it", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const names = yield* filled(path)
        yield* fs.writeFile(`${path}/${names[1]}`, new Uint8Array(900).fill(0x5a))
        yield* fs.writeFileString(`${path}/${names[0]}`, "")
        const { delivered } = yield* reopened(path)
        assert.deepStrictEqual(delivered, [5, 6])
        yield* life({ directory: path }, (spool) =>
          Effect.map(spool.append(bytes("7"), { items: 1 }), ({ sequence }) => assert.strictEqual(sequence, 7))
        )
      })
    )

    it.effect("by a newer version is refused with the file's name, and untouched", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* directory
        const [first] = yield* filled(path)
        const data = yield* fs.readFile(`${path}/${first}`)
        data[9] = 2
        const { crc32c } = yield* Effect.promise(() => import("../../src/spool/crc32c.ts"))
        new DataView(data.buffer, data.byteOffset).setUint32(28, crc32c(data, 0, 28))
        yield* fs.writeFile(`${path}/${first}`, data)
        const error = yield* Effect.flip(reopened(path))
        assert.strictEqual(codeOf(error), "sys.spool_corrupt")
        assert.include(error.message, first!)
        assert.strictEqual((yield* segments(path)).length, 3)
        assert.isFalse(yield* fs.exists(`${path}/LOCK`))
      })
    )
  })
})

it("names its failures once, by stable codes", () => {
  const codes = [Spool.SpoolFull, Spool.SpoolLocked, Spool.SpoolUnavailable, Spool.SpoolCorrupt].map(
    (C) => C.declared.code
  )
  assert.deepStrictEqual(codes, ["sys.spool_full", "sys.spool_locked", "sys.spool_unavailable", "sys.spool_corrupt"])
})
