/** Names of headers, parameters and members that usually carry credentials, whatever their value is. */
const SECRET_NAME =
  /authorization|cookie|passw|secret|token|credential|signature|api[-_]?key|access[-_]?key|private[-_]?key/i

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** What stands where a secret was. */
export const REDACTED = "[redacted]"
