import { type Cause, Effect, type Option, Result, Schema, SchemaIssue } from "effect"
import {
  type Code,
  type Declaration,
  type Declared,
  InvalidDeclaration,
  InvalidFields,
  register,
  resolve
} from "./declaration.ts"
import * as Redaction from "../redaction/Redaction.ts"
import { guard } from "./fields.ts"
import { cleanDetail, type Extras, hidden, prototypeOf, withDuration } from "./instance.ts"
import type { Any, LeafId, TypeId } from "./model.ts"

interface WireFields {
  readonly detail: Schema.optionalKey<Schema.String>
  readonly retryAfter: Schema.optionalKey<Schema.DurationFromMillis>
}

type Struct<Tag extends string, Fields extends Schema.Struct.Fields> = Omit<
  Schema.TaggedStruct<Tag, Fields & WireFields>,
  "~type.make.in" | "fields"
> & {
  readonly "~type.make.in": Schema.Struct.MakeIn<Fields> & Extras
  readonly fields: Fields & WireFields & { readonly _tag: Schema.tag<Tag> }
}

/** The class that {@link Tagged} makes: a `Schema.TaggedError` that also carries its declaration. */
export interface TaggedClass<
  Self,
  Tag extends string,
  Fields extends Schema.Struct.Fields,
  Code extends string = string
> extends Schema.Class<
  Self,
  Struct<Tag, Fields>,
  Cause.YieldableError & { readonly position?: string; readonly [TypeId]: Declared<Code>; readonly [LeafId]: Any }
> {
  /** The declaration with its defaults filled in. */
  readonly declared: Declared<Code>
}

type MissingSelf = `Missing \`Self\` generic - use \`class Self extends Failure.Tagged<Self>()(...)\``

const wireFields: WireFields = {
  detail: Schema.optionalKey(Schema.String),
  retryAfter: Schema.optionalKey(Schema.DurationFromMillis)
}

const reservedNames = [
  "_tag",
  "detail",
  "retryAfter",
  "cause",
  "position",
  "message",
  "name",
  "stack",
  "pipe",
  "toJSON",
  "toString",
  "constructor"
] as const

/**
 * Names that fields cannot have: every failure already has them, or needs them. To the compiler every object has a
 * `toString` and a `constructor`, so it cannot refuse those.
 */
type Reserved = Exclude<(typeof reservedNames)[number], "toString" | "constructor">

const readable = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => SchemaIssue.defaultLeafHook(issue).replace(/, got [^]*$/, "")
})

const invalid = (tag: string, error: unknown): unknown => {
  const issue: unknown = (error as { readonly cause?: unknown }).cause
  if (!SchemaIssue.isIssue(issue)) return error
  const problems = readable(issue).issues.map(({ message, path }) =>
    path === undefined || path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`
  )
  return new InvalidFields(`Failure "${tag}": ${problems.join("; ")}`, { cause: issue })
}

/**
 * Declares a failure: its fields, and everything that policies, telemetry and projections need to know about it.
 *
 * The class is a `Schema.TaggedError`: yield it in `Effect.gen`, catch it with `Effect.catchTag`, encode and decode it, put it
 * into an `Rpc` (into an `HttpApi` with `ApiEdge.problem`, or its fields and detail leave as they are). Instances take the fields plus optional `detail`, `retryAfter`,
 * `cause` and `position`; `cause` and `position` stay in the process and are never encoded.
 *
 * Give a `Schema.Struct` instead of fields to hold the fields to rules among themselves.
 *
 * A wrong declaration (bad code, unknown category, a code declared twice) throws {@link InvalidDeclaration} where the
 * class is defined, with the fix in the message.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 * import { Effect, Schema } from "effect"
 *
 * class StockUnavailable extends Failure.Tagged<StockUnavailable>()("StockUnavailable", {
 *   sku: Schema.String,
 *   requested: Schema.Int
 * }, {
 *   code: "biz.stock.unavailable",
 *   reason: "stock unavailable",
 *   detail: ({ sku, requested }) => `${requested} of ${sku} requested`,
 *   http: 409,
 *   hints: { client: ["reduce the quantity"], operator: ["check the warehouse feed"] }
 * }) {}
 *
 * const failure = Effect.runSync(Effect.flip(new StockUnavailable({ sku: "A-1", requested: 3 })))
 * failure.message // => "stock unavailable: 3 of A-1 requested"
 * ```
 */
export const Tagged =
  <Self = never>() =>
  <
    const Tag extends string,
    const Fields extends Schema.Struct.Fields & { readonly [Name in Reserved]?: never },
    const C extends Code
  >(
    tag: Tag,
    fields: Fields | Schema.Struct<Fields>,
    declaration: Declaration<Schema.Struct.Type<Fields>, C>
  ): [Self] extends [never] ? MissingSelf : TaggedClass<Self, Tag, Fields, C> => {
    const struct: Schema.Struct<Schema.Struct.Fields> = Schema.isSchema(fields) ? fields : Schema.Struct(fields)
    for (const name of reservedNames) {
      if (Object.hasOwn(struct.fields, name)) {
        throw new InvalidDeclaration(
          `Failure "${tag}": field ${JSON.stringify(name)} is reserved. Every failure already has it, or needs the name; choose another.`
        )
      }
    }
    const { fields: guarded, sensitive } = guard(struct.fields, Redaction.standard.isSecretKey)
    const declared = resolve(tag, declaration as Declaration<never>, sensitive)
    register(tag, declared.code, new Error().stack)

    const withWire = (fields: Schema.Struct.Fields) => ({ ...fields, ...wireFields })
    const strict = struct.mapFields(withWire, { unsafePreserveChecks: true })
    // A masked value need not satisfy the rules of the real one, so only those who make a failure are held to them.
    const shape = sensitive.length === 0 ? strict : Schema.Struct(withWire(guarded))
    // The constructor's shape is Schema's own; nothing here is visible in the public type.
    const Base = Schema.TaggedError<object>()(tag, shape, {
      // What `HttpApi` answers with where nothing else is said.
      httpApiStatus: declared.http ?? (declared.category === "biz" ? 400 : 500)
    }) as unknown as new (props?: object, options?: Schema.MakeOptions) => Cause.YieldableError

    class Declared extends Base {
      static readonly declared = declared

      static make(props?: object, options?: Schema.MakeOptions): Declared {
        return new this(props, options)
      }
      static makeOption(props?: object, options?: Schema.MakeOptions): Option.Option<Declared> {
        return Result.getSuccess(Result.try(() => new this(props, options)))
      }
      static makeEffect(props?: object, options?: Schema.MakeOptions): Effect.Effect<Declared, SchemaIssue.Issue> {
        return Effect.suspend(() => {
          const made = Result.try(() => new this(props, options))
          if (Result.isSuccess(made)) return Effect.succeed(made.success)
          const { cause } = made.failure as { readonly cause?: unknown }
          return SchemaIssue.isIssue(cause) ? Effect.fail(cause) : Effect.die(made.failure)
        })
      }
      static extend(): never {
        throw new InvalidDeclaration(
          `Failure "${tag}" cannot be extended: the new class would have the same code. Declare another failure, or a Failure.Layered over both.`
        )
      }

      // The linter does not see that a path without super() throws.
      // oxlint-disable-next-line constructor-super
      constructor(props?: object, options?: Schema.MakeOptions) {
        // Schema's decoder passes fields it has already checked, together with its own token.
        if (options !== undefined && "~payload" in options) {
          super(props, options)
          return
        }
        const { cause, position, ...own } = withDuration(tag, (props ?? {}) as Extras)
        try {
          super(sensitive.length === 0 ? own : strict.make(own as never, options), options)
        } catch (error) {
          throw invalid(tag, error)
        }
        if (sensitive.length > 0) cleanDetail(this as unknown as Any)
        if (cause !== undefined) hidden(this, "cause", cause)
        if (position !== undefined) hidden(this, "position", position)
      }
    }
    Object.defineProperties(Declared.prototype, prototypeOf(declared))
    return Declared as never
  }
