import { Context } from "effect"

/**
 * Whether doing the work twice is as good as once, as far as anybody has said. `false` keeps every `Retry` below from
 * repeating what the callee may have done, an unwanted result of it included; rejections of a full bulkhead,
 * and of an open circuit where they are waited for, are still retried, because nobody was asked. Default: `undefined`, each policy decides by the failure alone. Set it with `Retry.idempotent`.
 *
 * @example
 * ```ts
 * import { Retry } from "@holdfast/resilience"
 * import { Effect } from "effect"
 *
 * const said = Effect.service(Retry.Idempotent)
 * Effect.runSync(said) // => undefined
 * Effect.runSync(said.pipe(Retry.idempotent(false))) // => false
 * ```
 */
export const Idempotent: Context.Reference<boolean | undefined> = Context.Reference(
  "@holdfast/resilience/Retry/Idempotent",
  { defaultValue: (): boolean | undefined => undefined }
)
