import { Effect, Option, Predicate } from "effect"
import { dual } from "effect/Function"
import { errorsUnder } from "../report/causes.ts"
import type { Declared } from "./declaration.ts"
import { type Any, isFailure, leafOf, TypeId } from "./model.ts"

/** A class of failures whose only field that must be given is none, so that a sentence is enough to raise one. */
interface Plain<F> {
  readonly declared: Declared
  new (props: { readonly detail: string }): F
}

/**
 * Fails with a reason and a sentence, in one line: `return yield* Failure.bail(Reasons.ValidationError, "batch is empty")`.
 */
export const bail = <F extends Any>(Reason: Plain<F>, detail: string): Effect.Effect<never, F> =>
  Effect.suspend(() => Effect.fail(new Reason({ detail })))

/**
 * Goes on if the condition holds, fails otherwise. The failure is made only then.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 * import { Effect, Schema } from "effect"
 *
 * class BatchSize extends Failure.Tagged<BatchSize>()("BatchSize", { size: Schema.Number }, {
 *   code: "biz.batch.size",
 *   detail: ({ size }) => `${size} is not between 1 and 1000`
 * }) {}
 *
 * const checked = (size: number) => Failure.ensure(size >= 1 && size <= 1000, () => new BatchSize({ size }))
 * Effect.runSync(checked(1000)) // => undefined
 * Effect.runSync(Effect.flip(checked(NaN))).message // => "size: NaN is not between 1 and 1000"
 * ```
 */
export const ensure = <F extends Any>(condition: boolean, orFail: () => F): Effect.Effect<void, F> =>
  condition ? Effect.void : Effect.suspend(() => Effect.fail(orFail()))

/** The value of an option; a missing one fails with the failure given. */
export const fromOption: {
  <F extends Any>(orFail: () => F): <A>(option: Option.Option<A>) => Effect.Effect<A, F>
  <A, F extends Any>(option: Option.Option<A>, orFail: () => F): Effect.Effect<A, F>
} = dual(2, <A, F extends Any>(option: Option.Option<A>, orFail: () => F): Effect.Effect<A, F> =>
  Option.isSome(option) ? Effect.succeed(option.value) : Effect.suspend(() => Effect.fail(orFail()))
)

/** The value, unless it is `null` or `undefined`: then fails with the failure given. */
export const fromNullish: {
  <F extends Any>(orFail: () => F): <A>(value: A) => Effect.Effect<NonNullable<A>, F>
  <A, F extends Any>(value: A, orFail: () => F): Effect.Effect<NonNullable<A>, F>
} = dual(2, <A, F extends Any>(value: A, orFail: () => F): Effect.Effect<NonNullable<A>, F> =>
  Predicate.isNotNullish(value) ? Effect.succeed(value) : Effect.suspend(() => Effect.fail(orFail()))
)

/** A failure whose cause is known: what {@link because} makes. */
export type Over<F, Cause> = F & { readonly cause: Cause }

/**
 * Gives a failure a new meaning at a boundary: the new one is what callers see, the old one becomes its `cause`, with its
 * type, so that nothing that was known is lost. Use `Operation.doing` instead when only the circumstances are to be added.
 *
 * @example
 * ```ts
 * import { Failure, Reasons, Report } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = new Reasons.NotFound({ detail: "orders.db" }).pipe(
 *   Failure.because(() => new Reasons.SystemError({ detail: "the ledger is gone" }))
 * )
 * const failure = Effect.runSync(Effect.flip(program))
 * failure.cause.detail // => "orders.db"
 * Report.chain(failure).split("\n")[1] // => "  Caused by: not found error: orders.db"
 * ```
 */
export const because: {
  <E, F extends Any>(
    meaning: (failure: E) => F
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, Over<F, E>, R>
  <A, E, R, F extends Any>(self: Effect.Effect<A, E, R>, meaning: (failure: E) => F): Effect.Effect<A, Over<F, E>, R>
} = dual(
  2,
  <A, E, R, F extends Any>(self: Effect.Effect<A, E, R>, meaning: (failure: E) => F): Effect.Effect<A, Over<F, E>, R> =>
    Effect.mapError(self, (cause) => {
      const failure = meaning(cause)
      if (Object.is(failure, cause)) return failure as Over<F, E>
      // A frozen failure stays what it is: a cause that is missing is better than a defect.
      Reflect.defineProperty(failure, "cause", { value: cause, enumerable: false, configurable: true, writable: true })
      return failure as Over<F, E>
    })
)

/**
 * Looks for a failure in an error and in everything underneath it: by class, or by code, which also finds a failure that
 * has come over the network and of which only the code is known here.
 *
 * @example
 * ```ts
 * import { Failure, Reasons } from "@holdfast/core"
 *
 * const error = new Reasons.SystemError({ cause: new Reasons.Timeout({ detail: "after 30 s" }) })
 * Failure.find(error, Reasons.Timeout).pipe((found) => found._tag === "Some" && found.value.detail) // => "after 30 s"
 * Failure.find(error, "biz.not_found")._tag // => "None"
 * ```
 */
export const find: {
  <F extends Any>(Class: { readonly declared: Declared; readonly prototype: F }): (error: unknown) => Option.Option<F>
  (code: string): (error: unknown) => Option.Option<Any>
  <F extends Any>(error: unknown, Class: { readonly declared: Declared; readonly prototype: F }): Option.Option<F>
  (error: unknown, code: string): Option.Option<Any>
} = dual(2, (error: unknown, wanted: string | { readonly declared: Declared }): Option.Option<Any> => {
  const code = typeof wanted === "string" ? wanted : wanted.declared.code
  const found = [error, ...errorsUnder(error, [])].find(
    (candidate): candidate is Any => isFailure(candidate) && candidate[TypeId].code === code
  )
  return found === undefined ? Option.none() : Option.some(leafOf(found))
})

type CodeOf<F extends Any> = F[TypeId]["code"]

/**
 * Handles a failure by its code. Every code must have its case, and the compiler says which is missing.
 *
 * @example
 * ```ts
 * import { Failure, Reasons } from "@holdfast/core"
 *
 * const status = (failure: Reasons.NotFound | Reasons.Conflict) =>
 *   Failure.match(failure, {
 *     "biz.not_found": () => 404,
 *     "biz.conflict": (conflict) => conflict.detail === undefined ? 409 : 412
 *   })
 * status(new Reasons.NotFound()) // => 404
 * ```
 */
export const match: {
  <
    F extends Any,
    Cases extends { readonly [C in CodeOf<F>]: (failure: Extract<F, { readonly [TypeId]: Declared<C> }>) => unknown }
  >(
    cases: Cases
  ): (failure: F) => ReturnType<Cases[CodeOf<F>]>
  <
    F extends Any,
    Cases extends { readonly [C in CodeOf<F>]: (failure: Extract<F, { readonly [TypeId]: Declared<C> }>) => unknown }
  >(
    failure: F,
    cases: Cases
  ): ReturnType<Cases[CodeOf<F>]>
} = dual(2, (failure: Any, cases: Readonly<Record<string, (failure: Any) => unknown>>) =>
  cases[failure[TypeId].code]!(failure)
)
