/** The docs page: Scalar's script from this server, told to fetch nothing from anywhere else. */
import { readFile } from "node:fs/promises"

const OPTIONS = {
  url: "/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  showDeveloperTools: "never",
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
}

/** The page is data and one script: the browser holds it to that. Styles are made by the script. */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

export const DOCS_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Holdfast API</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <script id="api-reference" data-configuration='${JSON.stringify(OPTIONS)}'></script>
    <script src="/docs/scalar.js"></script>
  </body>
</html>
`

/** Copied there by the build; the same place from `src` and from `dist`. */
const SCRIPT = new URL("../../dist/assets/scalar.js", import.meta.url)

export function readDocsScript(): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(SCRIPT)
}
