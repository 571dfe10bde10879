import { type Cause, ErrorReporter, Schema } from "effect"
import { InvalidDeclaration, type Declared } from "./declaration.ts"
import { type Any, isFailure, leafOf, LeafId, TypeId } from "./model.ts"

/** A class of declared failures: what {@link Tagged} or {@link Layered} made. */
export type Member = Schema.Codec<Any, object, never, never> & { readonly identifier: string }

type Leaf<A> = A extends { readonly reason: infer Reason extends Any } ? A | Leaf<Reason> : A

/** The class that {@link Layered} makes: a tagged error whose `reason` is one of its members. */
export interface LayeredClass<
  Self,
  Tag extends string,
  Members extends ReadonlyArray<Schema.Constraint>
> extends Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, { readonly reason: Schema.Union<Members> }>,
  Cause.YieldableError & { readonly [TypeId]: Declared; readonly [LeafId]: Any }
> {
  /** Wraps a failure of any depth in as many layers as it needs: `OtlpError.from(new ConnectionRefused({ … }))`. */
  from(failure: Leaf<Members[number]["Type"]>): Self
}

/**
 * Declares a parent of failures in one line. The parent is an Effect *reason error*: its `reason` is one of the members,
 * which are failures (or layered failures) themselves. Catch any of them by the parent's tag, one branch with
 * `Effect.catchReason`, a leaf with `Effect.unwrapReason`. Code, retryability, hints and detail are the innermost
 * failure's own; the layers add no text and no frame.
 *
 * @example
 * ```ts
 * import { ConfigError, Failure, InternalError, ProtocolError, TransportError } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * class ExportError extends Failure.Layered<ExportError>()("ExportError", [
 *   ConfigError.ConfigError, TransportError.TransportError, ProtocolError.ProtocolError, InternalError.InternalError
 * ]) {}
 *
 * const refused = new TransportError.ConnectionRefused({ endpoint: "http://127.0.0.1:4318" })
 * const program = ExportError.from(refused).pipe(
 *   Effect.catchReason("ExportError", "TransportError", (transport) => Effect.succeed(transport.reason._tag))
 * )
 * Effect.runSync(program) // => "ConnectionRefused"
 * ```
 */
export const Layered =
  <Self = never>() =>
  <const Tag extends string, const Members extends readonly [Member, ...ReadonlyArray<Member>]>(
    tag: Tag,
    members: Members
  ): [Self] extends [never]
    ? `Missing \`Self\` generic - use \`class Self extends Failure.Layered<Self>()(...)\``
    : LayeredClass<Self, Tag, Members> => {
    const tags = new Set<string>()
    for (const member of members) {
      if (tags.has(member.identifier)) {
        throw new InvalidDeclaration(
          `Failure "${tag}": "${member.identifier}" is a member twice. Name each branch once.`
        )
      }
      tags.add(member.identifier)
    }
    const Base = Schema.TaggedError<object>()(tag, { reason: Schema.Union(members) }) as unknown as new (
      props?: object,
      options?: Schema.MakeOptions
    ) => Cause.YieldableError

    class Layer extends Base {
      static from(failure: Any): unknown {
        const reason = wrap(members, failure)
        if (reason === undefined) {
          throw new InvalidDeclaration(`Failure "${tag}": "${failure._tag}" is none of its members, at any depth.`)
        }
        return new this({ reason })
      }
    }
    Object.defineProperties(Layer.prototype, layer)
    return Layer as never
  }

/** The failure itself where it is a member, else the member that can hold it. */
const wrap = (members: ReadonlyArray<Member>, failure: Any): Any | undefined => {
  for (const member of members) {
    if (Schema.is(member)(failure)) return failure
  }
  for (const member of members) {
    const nested = (member as { readonly fields?: { readonly reason?: { readonly members?: ReadonlyArray<Member> } } })
      .fields?.reason?.members
    const inner = nested === undefined ? undefined : wrap(nested, failure)
    if (inner !== undefined) {
      const Branch = member as unknown as new (props: { readonly reason: Any }) => Any
      return new Branch({ reason: inner })
    }
  }
  return undefined
}

const reasonOf = (self: Any): Any => {
  const { reason } = self as unknown as { readonly reason: unknown }
  if (!isFailure(reason)) throw new TypeError(`${self._tag} holds no failure`)
  return reason
}

const layer: PropertyDescriptorMap = {
  [TypeId]: {
    get(this: Any) {
      return reasonOf(this)[TypeId]
    }
  },
  [LeafId]: {
    get(this: Any) {
      return leafOf(reasonOf(this))
    }
  },
  message: {
    get(this: Any) {
      return reasonOf(this).message
    },
    configurable: true
  },
  // The layers are one failure: what caused the leaf caused them all.
  cause: {
    get(this: Any) {
      return reasonOf(this).cause
    },
    configurable: true
  },
  [ErrorReporter.severity]: {
    get(this: Any) {
      return reasonOf(this)[ErrorReporter.severity]
    }
  },
  [ErrorReporter.attributes]: {
    get(this: Any) {
      return reasonOf(this)[ErrorReporter.attributes]
    }
  }
}
