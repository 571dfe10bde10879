import { Spool } from "@holdfast/otlp"
import { ByteSize, Effect, FileSystem, PlatformError } from "effect"

/** One thing that happens to a disk. Everything that a file system does is made of these. */
export type Change =
  | { readonly is: "folder"; readonly path: string }
  | { readonly is: "create"; readonly path: string; readonly node: number }
  | { readonly is: "link" | "rename"; readonly path: string; readonly to: string }
  | { readonly is: "remove"; readonly path: string }
  | { readonly is: "write"; readonly node: number; readonly bytes: Uint8Array }
  | { readonly is: "cut"; readonly node: number; readonly size: number }
  | { readonly is: "sync"; readonly node: number }
  | { readonly is: "sync names" }

type NameChange = Extract<Change, { readonly path: string }>
type Names = ReadonlyMap<string, number | "folder">

interface Contents {
  readonly bytes: Uint8Array
  /** How many of the bytes a power cut leaves for sure. */
  readonly synced: number
}

/** What a power cut takes of that which was not flushed: any number picks something. */
export interface PowerCut {
  readonly names: number
  readonly data: number
  /** Instead of ending early, a file ends in zeros. */
  readonly zeros: boolean
}

/** A disk in memory. A value of it is never changed, so that one can be kept for every moment. */
export class Disk {
  readonly names: Names
  readonly files: ReadonlyMap<number, Contents>
  /** The names as they were flushed, and what was done to them since. */
  private readonly durable: Names
  private readonly pending: ReadonlyArray<NameChange>

  constructor(
    names: Names = new Map(),
    files: ReadonlyMap<number, Contents> = new Map(),
    durable: Names = names,
    pending: ReadonlyArray<NameChange> = []
  ) {
    this.names = names
    this.files = files
    this.durable = durable
    this.pending = pending
  }

  apply(change: Change): Disk {
    switch (change.is) {
      case "sync names":
        return new Disk(this.names, this.files, this.names, [])
      case "write":
      case "cut":
      case "sync": {
        const { bytes, synced } = this.files.get(change.node)!
        const files = new Map(this.files)
        if (change.is === "write") {
          const longer = new Uint8Array(bytes.length + change.bytes.length)
          longer.set(bytes)
          longer.set(change.bytes, bytes.length)
          files.set(change.node, { bytes: longer, synced })
        } else if (change.is === "cut") {
          files.set(change.node, { bytes: bytes.slice(0, change.size), synced: Math.min(synced, change.size) })
        } else {
          files.set(change.node, { bytes, synced: bytes.length })
        }
        return new Disk(this.names, files, this.durable, this.pending)
      }
      default: {
        const files =
          change.is === "create"
            ? new Map(this.files).set(change.node, { bytes: new Uint8Array(), synced: 0 })
            : this.files
        return new Disk(renamed(this.names, change), files, this.durable, [...this.pending, change])
      }
    }
  }

  /** The first changes of the pending ones reach the disk, as in a journal; of each file a part of what was not flushed. */
  powerCut(lost: PowerCut): Disk {
    const names = this.pending.slice(0, lost.names % (this.pending.length + 1)).reduce(renamed, this.durable)
    const files = new Map(
      [...this.files].map(([node, { bytes, synced }]) => {
        const kept = synced + ((lost.data * (node + 1)) % (bytes.length - synced + 1))
        const left = bytes.slice(0, kept)
        return [node, { bytes: lost.zeros && kept === synced ? padded(left, bytes.length) : left, synced: kept }]
      })
    )
    return new Disk(names, files)
  }

  read(path: string): Uint8Array | undefined {
    const node = this.names.get(path)
    return typeof node === "number" ? this.files.get(node)!.bytes : undefined
  }

  /** How many changes of names a power cut may take. */
  get unflushed(): number {
    return this.pending.length
  }

  /** The bytes of all segments. */
  get segmentBytes(): number {
    let sum = 0
    for (const name of this.names.keys()) if (name.endsWith(".seg")) sum += this.read(name)!.length
    return sum
  }
}

const padded = (bytes: Uint8Array, length: number): Uint8Array => {
  const out = new Uint8Array(length)
  out.set(bytes)
  return out
}

const renamed = (names: Names, change: NameChange): Names => {
  const next = new Map(names)
  switch (change.is) {
    case "folder":
      return next.set(change.path, "folder")
    case "create":
      return next.set(change.path, change.node)
    case "remove":
      next.delete(change.path)
      return next
    default: {
      const node = next.get(change.path)!
      if (change.is === "rename") next.delete(change.path)
      return next.set(change.to, node)
    }
  }
}

/** How an operation fails: before it did anything, in the middle of a write, or after all of it was done. */
export type Fault = "before" | "half" | "after"

/** A program's view of a disk: what it does to it is written down, and may be made to fail. */
export class Mount {
  disk: Disk
  readonly changes: Array<Change> = []
  /** Asked before every operation, reading included. */
  fault: (method: string, path: string) => Fault | undefined = () => undefined
  /** What comes between asking for an operation and its happening. */
  pause: (method: string) => Effect.Effect<void> = () => Effect.void
  /** How many operations failed by it. */
  faults = 0
  private nodes: number

  constructor(disk: Disk) {
    this.disk = disk
    this.nodes = Math.max(0, ...disk.files.keys())
  }

  private operation<A>(method: string, path: string, run: () => A, half: () => void = () => {}) {
    const operation = Effect.suspend((): Effect.Effect<A, PlatformError.PlatformError> => {
      const fault = this.fault(method, path)
      try {
        if (fault === "half") half()
        const done = fault === undefined || fault === "after" ? Effect.succeed(run()) : undefined
        if (fault === undefined && done !== undefined) return done
        this.faults++
        return Effect.fail(failed("Unknown", method, path, fault === "half" ? "ENOSPC" : "EIO"))
      } catch (error) {
        if (error instanceof PlatformError.PlatformError) return Effect.fail(error)
        throw error
      }
    })
    return Effect.suspend(() => Effect.andThen(this.pause(method), operation))
  }

  private change(change: Change): void {
    this.changes.push(change)
    this.disk = this.disk.apply(change)
  }

  private opened(path: string, flag: string): number | "folder" {
    const node = this.disk.names.get(path)
    if (flag.startsWith("r") || node === "folder") {
      if (node === undefined) throw failed("NotFound", "open", path)
      return node
    }
    if (node !== undefined && flag.endsWith("x")) throw failed("AlreadyExists", "open", path)
    if (node === undefined) {
      this.change({ is: "create", path, node: ++this.nodes })
      return this.nodes
    }
    if (flag.startsWith("w")) this.change({ is: "cut", node, size: 0 })
    return node
  }

  private write(node: number, path: string, bytes: Uint8Array) {
    return this.operation(
      "write",
      path,
      () => this.change({ is: "write", node, bytes: bytes.slice() }),
      () => this.change({ is: "write", node, bytes: bytes.slice(0, bytes.length >> 1) })
    )
  }

  private existing(path: string): number {
    const node = this.disk.names.get(path)
    if (typeof node !== "number") throw failed("NotFound", "access", path)
    return node
  }

  readonly fs: FileSystem.FileSystem = FileSystem.makeNoop({
    makeDirectory: (path) =>
      this.operation("makeDirectory", path, () => {
        if (!this.disk.names.has(path)) this.change({ is: "folder", path })
      }),
    readDirectory: (path) =>
      this.operation("readDirectory", path, () =>
        [...this.disk.names.keys()].flatMap((name) =>
          name.startsWith(`${path}/`) && !name.includes("/", path.length + 1) ? [name.slice(path.length + 1)] : []
        )
      ),
    readFile: (path) => this.operation("readFile", path, () => this.disk.files.get(this.existing(path))!.bytes.slice()),
    readFileString: (path) =>
      this.operation("readFile", path, () => new TextDecoder().decode(this.disk.files.get(this.existing(path))!.bytes)),
    writeFileString: (path, text, options) =>
      Effect.flatMap(
        this.operation("open", path, () => this.opened(path, options?.flag ?? "w") as number),
        (node) => this.write(node, path, new TextEncoder().encode(text))
      ),
    stat: (path) =>
      this.operation(
        "stat",
        path,
        () => ({ size: ByteSize.bytes(this.disk.files.get(this.existing(path))!.bytes.length) }) as FileSystem.File.Info
      ),
    link: (path, to) =>
      this.operation("link", path, () => {
        if (this.disk.names.has(to)) throw failed("AlreadyExists", "link", to)
        this.existing(path)
        this.change({ is: "link", path, to })
      }),
    rename: (path, to) =>
      this.operation("rename", path, () => {
        this.existing(path)
        this.change({ is: "rename", path, to })
      }),
    remove: (path, options) =>
      this.operation("remove", path, () => {
        if (this.disk.names.has(path)) this.change({ is: "remove", path })
        else if (options?.force !== true) throw failed("NotFound", "remove", path)
      }),
    truncate: (path, size) =>
      this.operation("truncate", path, () =>
        this.change({ is: "cut", node: this.existing(path), size: Number(size ?? 0) })
      ),
    open: (path, options) =>
      Effect.map(
        this.operation("open", path, () => this.opened(path, options?.flag ?? "r")),
        (node): FileSystem.File => this.file(path, node)
      )
  })

  private file(path: string, node: number | "folder"): FileSystem.File {
    const sync = this.operation("sync", path, () =>
      this.change(node === "folder" ? { is: "sync names" } : { is: "sync", node })
    )
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      sync,
      writeAll: (bytes: Uint8Array) => this.write(node as number, path, bytes),
      read: (buffer: Uint8Array, options?: FileSystem.File.ReadOptions) =>
        this.operation("read", path, () => {
          const from = Number(options?.position ?? 0n)
          const part = this.disk.files.get(node as number)!.bytes.subarray(from, from + buffer.length)
          buffer.set(part)
          return part.length
        })
    } as Partial<FileSystem.File> as FileSystem.File
  }
}

const failed = (tag: PlatformError.SystemErrorTag, method: string, path: string, code?: string) =>
  PlatformError.systemError({
    _tag: tag,
    module: "FileSystem",
    method,
    pathOrDescriptor: path,
    cause: code === undefined ? undefined : Object.assign(new Error(code), { code })
  })

/** Opens a spool on it. Every lock that is found there is a dead one's. */
export const openOn = (mount: Mount, options: Omit<Spool.Options, "directory">) =>
  Spool.make({ directory: "/spool", segmentBytes: 1024, onFull: "evict", ...options }).pipe(
    Effect.provideService(FileSystem.FileSystem, mount.fs),
    Effect.provideService(Spool.Processes, { pid: 1, isAlive: () => false })
  )
