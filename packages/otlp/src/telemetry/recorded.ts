import { Option, Predicate, type Tracer } from "effect"
import type { Description } from "./describe.ts"

/** Which errors the spans below a span have recorded already. Remembers nothing longer than the error and the span live. */
export interface Recorded {
  /** How the error was described in a span below this one; `undefined` when none of them has recorded it. */
  readonly below: (span: Tracer.AnySpan, error: unknown) => Description | undefined
  /** The span has recorded the error: the spans around it must not do so again. */
  readonly add: (span: Tracer.Span, error: unknown, description: Description) => void
}

/** A primitive cannot be remembered weakly, and a span may live as long as the program. */
const maxPrimitives = 32

/**
 * Goes by where in the tree of spans an error has been, because nothing can be put on a cause when a span ends and one
 * error object may be raised many times: in two sibling spans it is two exceptions, on its way outwards it is one. What it
 * cannot tell apart is an error that was caught and comes up again in a span around the one that recorded it, be it raised
 * anew or handed on as `Effect.retry` does: that is taken for the same exception.
 */
export const make = (): Recorded => {
  const objects = new WeakMap<object, WeakMap<Tracer.AnySpan, Description>>()
  const primitives = new WeakMap<Tracer.AnySpan, Map<unknown, Description>>()

  const remember = (span: Tracer.AnySpan, error: unknown, description: Description): void => {
    if (isReference(error)) {
      const spans = objects.get(error) ?? new WeakMap<Tracer.AnySpan, Description>()
      objects.set(error, spans.set(span, description))
      return
    }
    const known = primitives.get(span) ?? new Map<unknown, Description>()
    known.delete(error)
    primitives.set(span, known.set(error, description))
    if (known.size > maxPrimitives) known.delete(known.keys().next().value)
  }

  return {
    below: (span, error) => (isReference(error) ? objects.get(error)?.get(span) : primitives.get(span)?.get(error)),
    add(span, error, description) {
      for (let outer = span.parent; Option.isSome(outer);) {
        remember(outer.value, error, description)
        outer = outer.value._tag === "Span" ? outer.value.parent : Option.none()
      }
    }
  }
}

const isReference = (error: unknown): error is object => Predicate.isObject(error) || Predicate.isFunction(error)
