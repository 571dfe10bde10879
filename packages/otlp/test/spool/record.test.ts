import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { crc32c } from "../../src/spool/crc32c.ts"
import { encodeHeader, encodeRecord, isIntact, recordHeaderSize, segmentHeaderSize } from "../../src/spool/record.ts"
import { scan } from "../../src/spool/scan.ts"

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

const segment = (first: number, payloads: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const parts = [encodeHeader({ created: 1_700_000_000_000, first })]
  for (const [at, payload] of payloads.entries()) {
    parts.push(
      encodeRecord({ sequence: first + at, items: at + 1, enqueuedAt: 1_700_000_000_000 + at, kind: 7 }, payload)
    )
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const payloadAt = (bytes: Uint8Array, entry: { readonly offset: number; readonly length: number }): string =>
  Buffer.from(bytes.subarray(entry.offset, entry.offset + entry.length)).toString("hex")

describe("crc32c", () => {
  it("gives the published values", () => {
    assert.strictEqual(crc32c(ascii("123456789")), 0xe3069283)
    assert.strictEqual(crc32c(new Uint8Array(32)), 0x8a9136aa)
    assert.strictEqual(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
    assert.strictEqual(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e)
    assert.strictEqual(crc32c(new Uint8Array(0)), 0)
  })

  it("is the same for a range as for a copy of it, at any alignment", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), fc.nat(80), (bytes, a, b) => {
        const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)]
        assert.strictEqual(crc32c(bytes, start, end), crc32c(bytes.slice(start, end)))
      })
    )
  })
})

describe("a segment", () => {
  it("gives back what was written, empty and large payloads and large numbers included", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.maxSafeNat(), (payloads, seed) => {
        const first = 1 + Math.min(seed, Number.MAX_SAFE_INTEGER - 100)
        const bytes = segment(first, payloads)
        const found = scan(bytes, first)
        assert.strictEqual(found.header, "ok")
        assert.strictEqual(found.corrupted, 0)
        assert.isFalse(found.torn)
        assert.strictEqual(found.end, bytes.length)
        assert.strictEqual(found.next, first + payloads.length)
        assert.deepStrictEqual(
          found.entries.map((entry) => [
            entry.sequence,
            entry.items,
            entry.enqueuedAt,
            entry.kind,
            payloadAt(bytes, entry)
          ]),
          payloads.map((payload, at) => [
            first + at,
            at + 1,
            1_700_000_000_000 + at,
            7,
            Buffer.from(payload).toString("hex")
          ])
        )
      })
    )
  })

  it("cut at any byte gives the whole records before the cut, and calls nothing lost", () => {
    const payloads = [ascii("one"), ascii(""), ascii("three three three"), ascii("4"), new Uint8Array(70).fill(9)]
    const bytes = segment(41, payloads)
    const ends = scan(bytes, 41).entries.map((entry) => entry.offset + entry.length)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const found = scan(bytes.subarray(0, cut), 41)
      const whole = cut < segmentHeaderSize ? 0 : ends.filter((end) => end <= cut).length
      assert.deepStrictEqual(
        found.entries.map((entry) => entry.sequence),
        Array.from({ length: whole }, (_, at) => 41 + at),
        `cut at ${cut}`
      )
      assert.strictEqual(found.corrupted, 0, `cut at ${cut}`)
      assert.strictEqual(found.torn, cut !== segmentHeaderSize && !ends.includes(cut), `cut at ${cut}`)
      assert.strictEqual(found.next, 41 + whole)
    }
  })

  it("with any one bit flipped loses at most the record that holds the bit, counts it, and never gives a wrong payload", () => {
    const payloads = [
      ascii("first"),
      new Uint8Array(64),
      ascii(""),
      new Uint8Array(128).fill(255),
      ascii("the last one")
    ]
    const bytes = segment(1, payloads)
    const clean = scan(bytes, 1).entries
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3
      const flipped = bytes.slice()
      flipped[at] = flipped[at]! ^ (1 << (bit & 7))
      const found = scan(flipped, 1)
      const victim = clean.find((entry) => at >= entry.offset - recordHeaderSize && at < entry.offset + entry.length)
      const inLength = victim !== undefined && at < victim.offset - recordHeaderSize + 4
      const lost = victim === undefined || inLength ? [] : [victim.sequence]
      assert.deepStrictEqual(
        found.entries.map((entry) => [entry.sequence, payloadAt(flipped, entry)]),
        clean
          .filter((entry) => !lost.includes(entry.sequence))
          .map((entry) => [entry.sequence, payloadAt(bytes, entry)]),
        `bit ${bit}`
      )
      assert.strictEqual(found.corrupted, lost.length, `bit ${bit}`)
      assert.strictEqual(found.next, 6, `bit ${bit}`)
    }
  })

  it("never throws and never invents a record, whatever is written over it", () => {
    const payloads = Array.from({ length: 6 }, (_, at) => new Uint8Array(20 + at * 7).fill(at))
    const bytes = segment(10, payloads)
    const clean = new Map(scan(bytes, 10).entries.map((entry) => [entry.sequence, payloadAt(bytes, entry)]))
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.nat(bytes.length),
        (at, over, cut) => {
          const damaged = bytes.slice()
          damaged.set(over.subarray(0, bytes.length - at), at)
          const found = scan(damaged.subarray(0, cut), 10)
          for (const entry of found.entries) {
            assert.strictEqual(payloadAt(damaged, entry), clean.get(entry.sequence))
          }
        }
      ),
      { numRuns: 2000 }
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        assert.deepStrictEqual(scan(noise, 1).entries, [])
      })
    )
  })

  it("goes on behind a record whose length and payload are both damaged, whatever the length claims", () => {
    const payloads = Array.from({ length: 10 }, (_, at) => new Uint8Array(40).fill(at))
    const clean = segment(1, payloads)
    const third = scan(clean, 1).entries[2]!
    for (const [byte, value] of [
      [0, 0x80],
      [3, 5],
      [3, 0],
      // To the last byte but ten, where no record can begin any more.
      [2, 2]
    ] as const) {
      const bytes = clean.slice()
      bytes[third.offset - recordHeaderSize + byte] = value
      if (byte === 2) bytes[third.offset - recordHeaderSize + 3] = 8
      bytes[third.offset] = 99
      const found = scan(bytes, 1)
      assert.deepStrictEqual(
        found.entries.map((entry) => entry.sequence),
        [1, 2, 4, 5, 6, 7, 8, 9, 10]
      )
      assert.deepInclude(found, { corrupted: 1, torn: false, next: 11 })
    }
  })

  it("with any two bytes changed loses no record that holds neither, and counts the missing ones before the last it has", () => {
    // Payloads that look like sequences and lengths, to lead the search astray.
    const look = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 30), { maxLength: 60 }).map((list) => Uint8Array.from(list)),
      fc.nat(9).map((at) => Uint8Array.from({ length: 40 }, (_, byte) => (byte % 8 === 7 ? at : 0)))
    )
    const change = fc.record({ at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }) })
    fc.assert(
      fc.property(fc.array(look, { minLength: 1, maxLength: 10 }), change, change, (payloads, one, two) => {
        const bytes = segment(1, payloads)
        const clean = scan(bytes, 1).entries
        const damaged = bytes.slice()
        for (const { at, xor } of [one, two]) {
          const byte = segmentHeaderSize + (at % (bytes.length - segmentHeaderSize))
          damaged[byte] = damaged[byte]! ^ xor
        }
        const found = scan(damaged, 1)
        const has = new Set(found.entries.map((entry) => entry.sequence))
        for (const { length, offset, sequence } of clean) {
          const start = offset - recordHeaderSize
          const hit = damaged.subarray(start, offset + length).some((byte, at) => byte !== bytes[start + at])
          assert.isTrue(hit || has.has(sequence), `lost ${sequence}`)
        }
        for (const entry of found.entries) {
          assert.strictEqual(payloadAt(damaged, entry), payloadAt(bytes, clean[entry.sequence - 1]!))
        }
        // What is missing behind the last record that can be read may look torn; before it, every one is counted.
        const last = found.entries.at(-1)?.sequence ?? 0
        const missing = clean.filter(({ sequence }) => !has.has(sequence)).map(({ sequence }) => sequence)
        const inside = missing.filter((sequence) => sequence < last).length
        assert.isAtLeast(found.corrupted, inside)
        assert.isAtMost(found.corrupted, missing.length)
        assert.strictEqual(found.next, last + 1 + found.corrupted - inside)
      }),
      { numRuns: 3000 }
    )
  })

  it("is searched in reasonable time when its torn payload is made of nothing but headers", () => {
    const size = 1 << 22
    const payload = new Uint8Array(size)
    const view = new DataView(payload.buffer)
    // Every fortieth byte starts something that could be a record, and whose checksum takes a quarter of the segment.
    for (let at = 0; at + 40 <= size; at += 40) {
      view.setUint32(at, size / 4)
      view.setUint32(at + 14, 2 + at / 40)
    }
    const bytes = segment(1, [ascii("one"), payload]).subarray(0, size)
    const found = scan(bytes, 1)
    assert.deepInclude(found, { torn: true, corrupted: 0, next: 2 })
  })

  it("takes a tail of zeros, however short, which a power cut leaves behind, for a torn one", () => {
    const whole = segment(1, [ascii("aaaa")])
    for (const zeros of [1, recordHeaderSize, recordHeaderSize + 1, 2 * recordHeaderSize, 4096]) {
      const bytes = new Uint8Array(whole.length + zeros)
      bytes.set(whole)
      const found = scan(bytes, 1)
      assert.strictEqual(found.entries.length, 1)
      assert.isTrue(found.torn)
      assert.strictEqual(found.corrupted, 0, `${zeros}`)
    }
    assert.strictEqual(scan(new Uint8Array(4096), 1).header, "torn")
  })

  it("of a newer version, or with flags of a later format, is not read at all", () => {
    const newer = segment(1, [ascii("aaaa")])
    newer[9] = 2
    new DataView(newer.buffer).setUint32(28, crc32c(newer, 0, 28))
    assert.deepInclude(scan(newer, 1), { header: "newer", entries: [] })

    const flagged = segment(1, [ascii("aaaa")])
    flagged[segmentHeaderSize + 8] = 1
    new DataView(flagged.buffer).setUint32(segmentHeaderSize + 4, crc32c(flagged, segmentHeaderSize + 8))
    assert.deepInclude(scan(flagged, 1), { header: "newer", entries: [] })
  })

  it("counts a gap in the sequence, and forgets losses among the records that are done", () => {
    const bytes = segment(5, [ascii("five"), ascii("six"), ascii("seven")])
    const gap = new Uint8Array(bytes.length + recordHeaderSize)
    gap.set(bytes)
    gap.set(encodeRecord({ sequence: 11, items: 1, enqueuedAt: 1, kind: 0 }, new Uint8Array(0)), bytes.length)
    assert.strictEqual(scan(gap, 5).corrupted, 3)
    assert.strictEqual(scan(gap, 5, (from, to) => Math.max(0, to - Math.max(from, 10))).corrupted, 1)
    assert.strictEqual(scan(gap, 5).next, 12)
  })

  it("is intact only with its own sequence, length and bytes", () => {
    const bytes = segment(3, [ascii("abc")])
    const entry = scan(bytes, 3).entries[0]!
    const record = bytes.slice(segmentHeaderSize)
    assert.isTrue(isIntact(record, entry))
    assert.isFalse(isIntact(record, { ...entry, sequence: 4 }))
    assert.isFalse(isIntact(record.subarray(1), entry))
    record[record.length - 1]! ^= 1
    assert.isFalse(isIntact(record, entry))
  })
})
