/** The body of an answer; `undefined` when it is no JSON object. */
export function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    // Narrowed to a plain object by the test around it.
    return typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
