import { Redacted, Schema, SchemaAST, SchemaGetter } from "effect"

export const mask = "<redacted>"

const SensitiveId = "@holdfast/core/sensitive"

/**
 * Marks a text field as secret. The program reads it as usual; reports, logs, spans, projections, `JSON.stringify` and
 * the wire see `<redacted>`. For secrets that are not text use `Schema.Redacted`, which is masked in the same places.
 * Whoever decodes the failure gets the mask, whatever rules the text has to satisfy.
 *
 * @example
 * ```ts
 * import { Failure } from "@holdfast/core"
 * import { Schema } from "effect"
 *
 * class LoginRefused extends Failure.Tagged<LoginRefused>()("LoginRefused", {
 *   user: Schema.String,
 *   password: Failure.sensitive(Schema.String)
 * }, { code: "biz.login.refused" }) {}
 *
 * JSON.stringify(new LoginRefused({ user: "ada", password: "hunter2" })).includes("hunter2") // => false
 * ```
 */
export const sensitive = <S extends Schema.Codec<string, string>>(
  schema: S
): Schema.decodeTo<Schema.toType<S>, Schema.String> =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.Union([Schema.toType(schema), Schema.Literal(mask)]), {
      decode: SchemaGetter.passthrough({ strict: false }),
      encode: SchemaGetter.transform(() => mask)
    })
  ).annotate({ [SensitiveId]: true }) as never

const isRedacted = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isDeclaration(ast) &&
  (ast.annotations?.["representation"] as { readonly id?: string } | undefined)?.id === "effect/schema/Redacted"

const isMarked = (ast: SchemaAST.AST): boolean => ast.annotations?.[SensitiveId] === true

const childrenOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  if (SchemaAST.isUnion(ast)) return ast.types
  if (SchemaAST.isArrays(ast)) return [...ast.elements, ...ast.rest]
  if (SchemaAST.isObjects(ast)) {
    return [...ast.propertySignatures.map(({ type }) => type), ...ast.indexSignatures.map(({ type }) => type)]
  }
  if (SchemaAST.isSuspend(ast)) return [ast.thunk()]
  return SchemaAST.isDeclaration(ast) ? ast.typeParameters : []
}

/** Whether a schema holds what is looked for, at any depth. */
const holds = (
  ast: SchemaAST.AST,
  wanted: (ast: SchemaAST.AST) => boolean,
  seen = new Set<SchemaAST.AST>()
): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  return wanted(ast) || childrenOf(ast).some((child) => holds(child, wanted, seen))
}

/** What has come back of a secret, whatever it was: it need not satisfy the rules of the real one. */
const veiled = Schema.declare(
  (u): u is Redacted.Redacted<string> => Redacted.isRedacted(u) && Redacted.value(u) === mask
)

/** The values that a masked field may be decoded into, the first that its type allows. */
const stand: ReadonlyArray<unknown> = [Redacted.make(mask), null, undefined, [], {}]

/**
 * The same type, encoded as the mask. A schema that holds a `Redacted` anywhere would write it in clear into JSON, so the
 * whole field is masked.
 */
const masked = (field: Schema.Struct.Fields[string]): Schema.Struct.Fields[string] => {
  const exact = Schema.toType(field as Schema.Codec<unknown>)
  const type = isRedacted(exact.ast) ? Schema.Union([exact, veiled]) : exact
  const is = Schema.is(type)
  const replaced = Schema.Unknown.pipe(
    Schema.decodeTo(type, {
      decode: SchemaGetter.transform((u): unknown => {
        if (is(u)) return u
        const wrapped = Redacted.make(u)
        return is(wrapped) ? wrapped : stand.find((candidate) => is(candidate))
      }) as never,
      encode: SchemaGetter.transform((): unknown => mask)
    })
  )
  return SchemaAST.isOptional(field.ast) ? Schema.optionalKey(replaced) : replaced
}

/** Which fields are secret, by a mark or by their name, and the fields with their encoders replaced by the mask. */
export const guard = (
  fields: Schema.Struct.Fields,
  isSecretName: (name: string) => boolean
): { readonly fields: Schema.Struct.Fields; readonly sensitive: ReadonlyArray<string> } => {
  const secret: Array<string> = []
  const guarded: Record<PropertyKey, Schema.Struct.Fields[string]> = { ...fields }
  for (const key of Object.keys(fields)) {
    const field = fields[key]!
    const masks = holds(field.ast, isMarked)
    // A number under such a name is a count more often than a secret: `maxTokens`.
    const isNamed = !masks && isSecretName(key) && holds(field.ast, SchemaAST.isString)
    const isBare = isNamed || holds(field.ast, isRedacted)
    if (masks || isBare) secret.push(key)
    if (isBare) guarded[key] = masked(field)
  }
  return { fields: guarded, sensitive: Object.freeze(secret) }
}

const veil = {
  toString: () => mask,
  toJSON: () => mask,
  [Symbol.toPrimitive]: () => mask
}

/** The fields as the `detail` function may see them: it cannot print what it is not given. */
export const view = (instance: object, sensitiveNames: ReadonlyArray<string>): Record<string, unknown> => {
  if (sensitiveNames.length === 0) return instance as Record<string, unknown>
  const shown: Record<string, unknown> = { ...instance }
  for (const name of sensitiveNames) {
    if (name in shown) shown[name] = veil
  }
  return shown
}
