import { links, verbose } from "./render.ts"
import type { Report } from "./model.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const text = (raw: string): string => raw.replace(/[&<>"']/g, (char) => entities[char]!)

/**
 * A fragment of HTML for a page that operators see: the chain as a list, everything else folded away below. Every text is
 * escaped; there is no script, no style and no attribute made from a value.
 */
export const html = (report: Report): string =>
  [
    `<section class="failure">`,
    `<p><code>${text(report.identity.code)}</code></p>`,
    `<ol>${links(report)
      .map((link) => `<li>${text(link)}</li>`)
      .join("")}</ol>`,
    `<details><summary>Details</summary><pre>${text(verbose(report))}</pre></details>`,
    `</section>`
  ].join("\n")
