import type { ConfigError } from "@holdfast/core"
import { refuse, refusing, under } from "@holdfast/core/options"
import { Effect } from "effect"
import { kind } from "../budget/kinds.ts"
import * as Breaker from "../circuit-breaker/config.ts"
import { forms as fallback } from "../fallback/run.ts"
import { flag, type Form, inCodeOrNamesake, options, placeIn, read as readAt, reread } from "../internal/config.ts"
import { forms as retry } from "../retry/policy.ts"
import { form as limit, merged } from "../timeout/limit.ts"
import type { Options } from "./options.ts"

type Forms = { readonly [K in keyof Options]-?: Form<Options[K]> }

const forms: Forms = {
  fallback: options(fallback) as Form<never>,
  timeout: limit,
  // `retry.budget` and `retryBudget` are one variable.
  retry: options({ ...retry, budget: inCodeOrNamesake }) as Form<Options["retry"]>,
  retryBudget: kind,
  circuitBreaker: options(Breaker.forms),
  attemptTimeout: limit,
  measure: flag
}

/**
 * The options under a path of the `ConfigProvider`; `defaults` hold for what is not there. A path that is more than the name
 * of the pipeline is its own.
 */
export const read = (
  name: string,
  path: string,
  defaults: Options,
  isAgain = false
): Effect.Effect<Options, ConfigError.InvalidValue> =>
  Effect.flatMap((isAgain ? reread : readAt)<Options>(path, forms, path !== name), (found) =>
    refusing(() => {
      const { attemptTimeout, circuitBreaker, fallback, measure, retry, retryBudget, timeout } = found
      if (fallback !== undefined && defaults.fallback === undefined) {
        refuse(under(placeIn(path), "fallback"), "must have its value or its effect given in code")
      }
      return {
        fallback: defaults.fallback && { ...defaults.fallback, ...fallback },
        timeout: merged(defaults.timeout, timeout),
        retry: retry === undefined ? defaults.retry : { ...defaults.retry, ...retry },
        retryBudget: retryBudget ?? defaults.retryBudget,
        circuitBreaker:
          circuitBreaker === undefined
            ? defaults.circuitBreaker
            : Breaker.merged(defaults.circuitBreaker ?? {}, circuitBreaker),
        attemptTimeout: merged(defaults.attemptTimeout, attemptTimeout),
        measure: measure ?? defaults.measure ?? false
      }
    })
  )
