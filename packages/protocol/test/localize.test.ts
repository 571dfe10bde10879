import { assert, describe, it } from "@effect/vitest"
import { Catalog, Failure, Reasons } from "@holdfast/core"
import { ErrorSnapshot, ExposurePolicy, Projection, RemoteFailure } from "@holdfast/protocol"
import { Effect, Schema } from "effect"
import { IntlMessageFormat } from "intl-messageformat"

class Left extends Failure.Tagged<Left>()(
  "LocalizeLeft",
  {
    sku: Schema.String,
    left: Schema.Int,
    guest: Schema.Literals(["herself", "himself", "themselves"]),
    card: Schema.optionalKey(Failure.sensitive(Schema.String))
  },
  { code: "biz.localize.left", reason: "too few left" }
) {}

class Gone extends Failure.Tagged<Gone>()(
  "LocalizeGone",
  { table: Schema.String },
  { code: "sys.localize.gone", reason: "ledger gone" }
) {}

const policy = ExposurePolicy.standard
const snapshotOf = (failure: unknown) => ErrorSnapshot.of(failure, { policy, carry: "all" })
const left = (count: number, more: { readonly sku?: string; readonly card?: string } = {}) =>
  new Left({ sku: "A-1", left: count, guest: "herself", ...more })

const icu: ErrorSnapshot.Format = (message, parameters, locale) =>
  String(new IntlMessageFormat(message, locale).format(parameters as Record<string, string>))

const titles: Catalog.Titles = {
  de: {
    "biz.localize.left": "nur {left} von {sku}",
    "sys.localize.gone": "{table} ist weg",
    "http.500": "interner Fehler"
  },
  "de-AT": { "biz.not_found": "gibts ned" },
  pl: {}
}

describe("A title", () => {
  it("is filled from the failure's own fields", () => {
    const { locale, missing, snapshot } = ErrorSnapshot.localize(snapshotOf(left(3)), { titles, locales: ["de"] })
    assert.strictEqual(Projection.toHttp(snapshot).message, "nur 3 von A-1")
    assert.deepStrictEqual([locale, missing], ["de", undefined])
    assert.notProperty(Projection.toRpc(snapshot), "failure")
  })

  it("is filled by the rules of a language, where a formatter knows them", () => {
    const message =
      "{guest, select, herself {Sie hat sich} himself {Er hat sich} other {Sie haben sich}} verzählt: " +
      "{left, plural, =0 {nichts} one {# Stück} other {# Stücke}} von {sku} da"
    const said = (count: number) => {
      const localization = { titles: { de: { "biz.localize.left": message } }, locales: ["de"], format: icu }
      return Projection.toHttp(ErrorSnapshot.localize(snapshotOf(left(count)), localization).snapshot).message
    }
    assert.deepStrictEqual(
      [0, 1, 2000].map(said),
      ["nichts", "1 Stück", "2.000 Stücke"].map((count) => `Sie hat sich verzählt: ${count} von A-1 da`)
    )
  })

  it("takes the plural of the locale it was found in", () => {
    const message = "{left, plural, one {# sztuka} few {# sztuki} many {# sztuk} other {# sztuki}}"
    const localization = { titles: { pl: { "biz.localize.left": message } }, locales: ["pl-PL"], format: icu }
    const said = [1, 3, 5].map(
      (count) => Projection.toHttp(ErrorSnapshot.localize(snapshotOf(left(count)), localization).snapshot).message
    )
    assert.deepStrictEqual(said, ["1 sztuka", "3 sztuki", "5 sztuk"])
  })

  it("shows no secret, whoever fills it", () => {
    const sent = left(3, { sku: "4111-secret", card: "4111-secret" })
    const table = { de: { "biz.localize.left": "{sku} mit {card}" } }
    for (const format of [undefined, icu]) {
      const { snapshot } = ErrorSnapshot.localize(snapshotOf(sent), { titles: table, locales: ["de"], format })
      assert.strictEqual(Projection.toHttp(snapshot).message, "<redacted> mit <redacted>")
    }
  })

  it("is filled once: a field that looks like a parameter stays what it is", () => {
    const sent = left(3, { sku: "{left}" })
    const { snapshot } = ErrorSnapshot.localize(snapshotOf(sent), { titles, locales: ["de"] })
    assert.strictEqual(Projection.toHttp(snapshot).message, "nur 3 von {left}")
  })

  it("of what is internal is filled with nothing, and the default one stays", () => {
    const internal = ErrorSnapshot.of(new Gone({ table: "ledger_7" }), { carry: "all" })
    const localized = ErrorSnapshot.localize(internal, { titles, locales: ["de"] })
    assert.strictEqual(Projection.toHttp(localized.snapshot).message, "ledger gone")
    assert.deepStrictEqual(localized.missing, { key: "sys.localize.gone", locale: "de", problem: "not_filled" })
    assert.isUndefined(localized.locale)
  })

  it("of what is internal is the generic one for a client, and that of the code for everybody else", () => {
    const table = { de: { "http.500": "interner Fehler", "sys.localize.gone": "Buch weg" } }
    const said = (audience: "client" | "partner" | "operator") => {
      const localization = { titles: table, locales: ["de"], audience }
      const { snapshot } = ErrorSnapshot.localize(snapshotOf(new Gone({ table: "t" })), localization)
      return Projection.toRpc(snapshot, { audience }).reason
    }
    assert.deepStrictEqual(
      [said("client"), said("partner"), said("operator")],
      ["interner Fehler", "Buch weg", "Buch weg"]
    )
  })

  const notFilled: ReadonlyArray<readonly [string, string, ErrorSnapshot.Format | undefined]> = [
    ["names a field that is not there", "{color}", undefined],
    ["names what every object has", "{constructor} {__proto__}", undefined],
    ["is filled by a formatter that throws", "{left, plural, nonsense", icu],
    ["is filled by a formatter that gives no text", "x", (() => 7) as never]
  ]
  for (const [name, message, format] of notFilled) {
    it(`that ${name} gives way to the default one, and says so`, () => {
      const localization = { titles: { de: { "biz.localize.left": message } }, locales: ["de"], format }
      const { locale, missing, snapshot } = ErrorSnapshot.localize(snapshotOf(left(3)), localization)
      assert.strictEqual(Projection.toHttp(snapshot).message, "too few left")
      assert.isUndefined(locale)
      assert.deepStrictEqual(missing, { key: "biz.localize.left", locale: "de", problem: "not_filled" })
    })
  }

  it("is bounded, whatever it is filled with", () => {
    const format = () => "x".repeat(10_000_000)
    const { snapshot } = ErrorSnapshot.localize(snapshotOf(left(3)), { titles, locales: ["de"], format })
    assert.isBelow(Projection.stringify(Projection.toHttp(snapshot)).length, 2000)
  })

  it("never touches what is for machines", () => {
    const before = Projection.toRpc(snapshotOf(left(3)), { carry: "all" })
    const { snapshot } = ErrorSnapshot.localize(snapshotOf(left(3)), { titles, locales: ["de"] })
    const { failure: _f, reason: _r, ...after } = Projection.toRpc(snapshot, { carry: "all" })
    const { failure: __f, reason: __r, ...machine } = before
    assert.deepStrictEqual(after, machine)
  })
})

describe("A missing title", () => {
  const missing = (code: string, locales: ReadonlyArray<string>) => {
    const snapshot = snapshotOf(code === "biz.not_found" ? new Reasons.NotFound() : new Reasons.Conflict())
    const localized = ErrorSnapshot.localize(snapshot, { titles, locales })
    return [localized.locale, localized.missing]
  }

  it("falls back to the default one, and is told with the shipped locale it is missing from", () => {
    assert.deepStrictEqual(missing("biz.conflict", ["de-CH", "en"]), [
      undefined,
      { key: "biz.conflict", locale: "de", problem: "no_title" }
    ])
    assert.deepStrictEqual(missing("biz.not_found", ["pl", "de-AT"]), [
      "de-AT",
      { key: "biz.not_found", locale: "pl", problem: "no_title" }
    ])
  })

  it("is not one where the broader locale has it, or where nobody ships what is wanted", () => {
    const localized = ErrorSnapshot.localize(snapshotOf(left(3)), { titles, locales: ["de-AT"] })
    assert.deepStrictEqual([localized.locale, localized.missing], ["de", undefined])
    assert.deepStrictEqual(missing("biz.not_found", ["en", "fr-CA", "x".repeat(1000), ""]), [undefined, undefined])
  })

  it("is found beforehand in every locale that is shipped", () => {
    assert.deepStrictEqual(Catalog.missingTitles(Catalog.make(Left, Gone), titles), [
      { locale: "de-AT", code: "biz.localize.left" },
      { locale: "pl", code: "biz.localize.left" }
    ])
  })
})

describe("A localized message over gRPC", () => {
  it("is filled, and the fields it is filled with do not go along", () => {
    const { details } = Projection.toGrpc(left(3), { policy, localization: { titles, locales: ["de"] } })
    const text = new TextDecoder().decode(details)
    assert.include(text, "nur 3 von A-1")
    assert.notInclude(text, "herself")
    assert.strictEqual(Effect.runSync(RemoteFailure.decodeGrpc(details)).reason, "too few left")
  })
})
