/**
 * About how many bytes a row takes, in memory or as JSON. Nothing is written out or looked into for it, since this
 * runs for every row of every activation: a text counts as its length, so that one beyond Latin-1 takes up to three
 * times as much.
 */

/** Of each value beside its text: a slot and a header, or digits and separators. */
const VALUE_BYTES = 16
/** More than any row may have. What contains itself cannot be stored, and ends here. */
const MOST_BYTES = 4 * 1024 * 1024

export function estimateBytes(row: object): number {
  const open: object[] = [row]
  let bytes = VALUE_BYTES
  for (let next = open.pop(); next !== undefined && bytes < MOST_BYTES; next = open.pop()) {
    if (Array.isArray(next)) for (const item of next) bytes += valueBytes(item, open)
    else bytes += membersBytes(next, open)
  }
  return bytes
}

function membersBytes(members: object, open: object[]): number {
  let bytes = 0
  // A fifth of what `Object.entries` takes, and of what JSON does: a row in a microsecond or less.
  // Its names are its members', since nothing here inherits any.
  for (const name in members) bytes += name.length + valueBytes(members[name as keyof typeof members], open)
  return bytes
}

/** Without its members, which go to `open`. */
function valueBytes(value: unknown, open: object[]): number {
  if (typeof value === "string") return VALUE_BYTES + value.length
  if (typeof value === "object" && value !== null) open.push(value)
  return VALUE_BYTES
}
