/** Counts what one case leaves behind in this process and prints it as JSON. `node left.ts FILE INDEX` */
import { pathToFileURL } from "node:url"
import type { Case, LeftBehind } from "./harness.ts"

// Counted from outside, before anything that is measured is loaded: a timer that does not hold the process is one, too.
const armed = new Set<unknown>()
const counting = <Args extends ReadonlyArray<unknown>, T>(
  arm: (run: () => void, ...args: Args) => T,
  isOnce: boolean
) => {
  return (run: (...given: ReadonlyArray<unknown>) => void, wait: number, ...given: ReadonlyArray<unknown>): T => {
    const timer: T = arm(
      () => {
        if (isOnce) armed.delete(timer)
        run(...given)
      },
      ...([wait] as unknown as Args)
    )
    armed.add(timer)
    return timer
  }
}
const forgetting =
  <T>(clear: (timer: T) => void) =>
  (timer: T): void => {
    armed.delete(timer)
    clear(timer)
  }

const { clearInterval, clearTimeout, setInterval, setTimeout } = globalThis
Object.assign(globalThis, {
  setTimeout: counting(setTimeout, true),
  setInterval: counting(setInterval, false),
  clearTimeout: forgetting(clearTimeout),
  clearInterval: forgetting(clearInterval)
})

let attached = 0
const { addEventListener, removeEventListener } = EventTarget.prototype
Object.assign(EventTarget.prototype, {
  addEventListener(this: EventTarget, ...args: Parameters<typeof addEventListener>) {
    attached++
    addEventListener.apply(this, args)
  },
  removeEventListener(this: EventTarget, ...args: Parameters<typeof removeEventListener>) {
    attached--
    removeEventListener.apply(this, args)
  }
})

const [file, index] = process.argv.slice(2)
const { cases } = (await import(pathToFileURL(file!).href)) as { readonly cases: ReadonlyArray<Case> }
const run = await cases[Number(index)]!.make()
const [armedBefore, attachedBefore] = [armed.size, attached]
await run(100)
await new Promise((resolve) => setImmediate(resolve))
const left: LeftBehind = { timers: armed.size - armedBefore, listeners: attached - attachedBefore }
process.stdout.write(JSON.stringify(left) + "\n", () => process.exit())
