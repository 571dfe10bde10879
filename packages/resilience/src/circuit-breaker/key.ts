/** How the keys of circuits are read by people. They come from anywhere, and may hold anything. */
import { type At, checkOne, text, under } from "@holdfast/core/options"

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cf}/u
const controls = new RegExp(control, "gu")

/** Whether a text can forge lines, or be seen otherwise than it is. */
export const hasControls = (text: string): boolean => control.test(text)

const escaped = (char: string): string =>
  char
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")

/** The text itself, or in quotes with everything escaped that is no character to be read. */
export const printable = (text: string): string =>
  hasControls(text) ? JSON.stringify(text).replace(controls, escaped) : text

/** What a rejection says, with a text of its own where the declared one would hold what nobody can read. */
export const readable = <R extends { readonly circuit: string; readonly key?: string; readonly state: string }>(
  said: R
): R & { readonly detail?: string } =>
  said.key === undefined || !hasControls(said.key)
    ? said
    : { ...said, detail: `${said.circuit} for ${printable(said.key)} is ${said.state.replace("_", " ")}` }

/** Refuses what is no text: a key of another kind would share the circuit of whatever prints like it. */
export const checkKey = (at: At, key: string): void => {
  if (typeof key !== "string") checkOne(under(at, "get"), text, key)
}
