import { Redacted, Schema, SchemaAST, SchemaGetter } from "effect"

export const mask = "<redacted>"

const SensitiveId = "@holdfast/core/sensitive"

/**
 * Marks a text field as secret. The program reads it as usual; reports, logs, spans, projections, `JSON.stringify` and
 * the wire see `<redacted>`. For secrets that are not text use `Schema.Redacted`, which is masked in the same places.
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
export const sensitive = <S extends Schema.Codec<string, string>>(schema: S) =>
  Schema.String.pipe(
    Schema.decodeTo(Schema.toType(schema), {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transform(() => mask)
    })
  ).annotate({ [SensitiveId]: true })

const isRedacted = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isDeclaration(ast) &&
  (ast.annotations?.["representation"] as { readonly id?: string } | undefined)?.id === "effect/schema/Redacted"

const isMarked = (ast: SchemaAST.AST): boolean => ast.annotations?.[SensitiveId] === true

/** Encodes any `Redacted` as the mask, and decodes whatever arrives into a `Redacted` again. */
const maskedRedacted = Schema.Unknown.pipe(
  Schema.decodeTo(
    Schema.declare((u): u is Redacted.Redacted<unknown> => Redacted.isRedacted(u)),
    {
      decode: SchemaGetter.transform((u): Redacted.Redacted<unknown> =>
        Redacted.isRedacted(u) ? u : Redacted.make(u)
      ),
      encode: SchemaGetter.transform((): unknown => mask)
    }
  )
)

/** Which fields are secret, and the fields with their encoders replaced by the mask. */
export const guard = (
  fields: Schema.Struct.Fields
): { readonly fields: Schema.Struct.Fields; readonly sensitive: ReadonlySet<string> } => {
  const secret = new Set<string>()
  const guarded: Record<PropertyKey, Schema.Struct.Fields[string]> = { ...fields }
  for (const key of Object.keys(fields)) {
    const ast = fields[key]!.ast
    if (isMarked(ast)) {
      secret.add(key)
    } else if (isRedacted(ast)) {
      secret.add(key)
      guarded[key] = maskedRedacted
    }
  }
  return { fields: guarded, sensitive: secret }
}

const masked = {
  toString: () => mask,
  toJSON: () => mask,
  [Symbol.toPrimitive]: () => mask
}

/** The fields as the `detail` function may see them: it cannot print what it is not given. */
export const view = (instance: object, sensitiveNames: ReadonlySet<string>): Record<string, unknown> => {
  if (sensitiveNames.size === 0) return instance as Record<string, unknown>
  const shown: Record<string, unknown> = { ...instance }
  for (const name of sensitiveNames) {
    if (name in shown) shown[name] = masked
  }
  return shown
}
