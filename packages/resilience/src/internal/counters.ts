import { Metric } from "effect"
import type { AnyFiber } from "./fiber.ts"

/** The counters of one name. Each series is made once and kept, so counting looks nothing up by name. */
export class Counters {
  readonly id: string
  readonly description: string
  readonly attributes: Readonly<Record<string, string>>
  #series: Map<string, Metric.Counter<number>> | undefined

  constructor(id: string, description: string, attributes: Readonly<Record<string, string>>) {
    this.id = id
    this.description = description
    this.attributes = attributes
  }

  /** Counts one more, in the series that the further attributes name. */
  add(fiber: AnyFiber, more: Readonly<Record<string, string>> = {}): void {
    const key = Object.values(more).join(" ")
    this.#series ??= new Map()
    let counter = this.#series.get(key)
    if (counter === undefined) {
      const { attributes, description, id } = this
      counter = Metric.counter(id, { description, attributes: { ...attributes, ...more }, incremental: true })
      this.#series.set(key, counter)
    }
    counter.updateUnsafe(1, fiber.context)
  }
}
