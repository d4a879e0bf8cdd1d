/** The typed fields that a task definition declares of its tasks' input (design page "flow language"). */

export const FIELD_TYPES = [
  "string",
  "int",
  "int64",
  "float",
  "float64",
  "bool",
  "object",
  "array",
  "[]string",
  "[]int",
  "[]float",
  "time",
  "*",
] as const
export type FieldType = (typeof FIELD_TYPES)[number]

export interface InputField {
  name: string
  type: FieldType
  /** Absent when it is not: plans hold only what says something. */
  required?: true
  /** Of the field's own type. Counts where the field is absent or null. */
  default?: unknown
}
