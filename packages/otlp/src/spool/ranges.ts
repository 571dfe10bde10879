/**
 * A set of whole numbers that mostly come in runs: sorted, disjoint `[from, to]` pairs that never touch. Records are done
 * and given back roughly in order, so a few pairs stand for thousands of numbers, in memory and in the cursor file.
 */
export type Ranges = Array<[from: number, to: number]>

/** Where the first range that ends at or behind `value` is. */
const indexOf = (ranges: Ranges, value: number): number => {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]![1] < value) low = middle + 1
    else high = middle
  }
  return low
}

export const has = (ranges: Ranges, value: number): boolean => {
  const range = ranges[indexOf(ranges, value)]
  return range !== undefined && range[0] <= value
}

export const add = (ranges: Ranges, value: number): void => addRange(ranges, value, value)

/** Adds every number of `[from, to]`, whatever of it is there already. */
export const addRange = (ranges: Ranges, from: number, to: number): void => {
  const start = indexOf(ranges, from - 1)
  let end = start
  let low = from
  let high = to
  while (end < ranges.length && ranges[end]![0] <= to + 1) {
    low = Math.min(low, ranges[end]![0])
    high = Math.max(high, ranges[end]![1])
    end++
  }
  ranges.splice(start, end - start, [low, high])
}

export const remove = (ranges: Ranges, value: number): void => {
  const at = indexOf(ranges, value)
  const range = ranges[at]
  if (range === undefined || range[0] > value) return
  const left: Ranges = []
  if (range[0] < value) left.push([range[0], value - 1])
  if (value < range[1]) left.push([value + 1, range[1]])
  ranges.splice(at, 1, ...left)
}

/** Forgets every number up to and including `value`. */
export const dropThrough = (ranges: Ranges, value: number): void => {
  const first = ranges[0]
  if (first === undefined || first[0] > value) return
  ranges.splice(0, indexOf(ranges, value + 1))
  if (ranges[0] !== undefined && ranges[0][0] <= value) ranges[0][0] = value + 1
}

/** How many numbers of `[from, to)` are in the set. */
export const countWithin = (ranges: Ranges, from: number, to: number): number => {
  let count = 0
  for (let at = indexOf(ranges, from); at < ranges.length && ranges[at]![0] < to; at++) {
    count += Math.max(0, Math.min(ranges[at]![1] + 1, to) - Math.max(ranges[at]![0], from))
  }
  return count
}
