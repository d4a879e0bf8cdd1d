/** Protobuf messages written down as data, for the few standard ones that no schema file is bundled for. */
import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf"
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt"

const TYPES = {
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  message: FieldDescriptorProto_Type.MESSAGE,
} as const

export interface FieldSpec {
  number: number
  type: keyof typeof TYPES | `.${string}`
  repeated?: boolean
}

/** Types that start with a dot are messages of the same set. Throws when the data contradicts itself. */
export function defineMessages<Name extends string>(
  packageName: string,
  messages: Record<Name, Record<string, FieldSpec>>,
): Record<Name, DescMessage> {
  const file = create(FileDescriptorProtoSchema, {
    name: `${packageName}.proto`,
    package: packageName,
    syntax: "proto3",
    messageType: Object.entries<Record<string, FieldSpec>>(messages).map(([name, fields]) => ({
      name,
      field: Object.entries(fields).map(([field, { number, type, repeated }]) => ({
        name: field,
        jsonName: field,
        number,
        label: repeated === true ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
        type: isReference(type) ? TYPES.message : TYPES[type],
        ...(isReference(type) ? { typeName: `.${packageName}${type}` } : {}),
      })),
    })),
  })
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }))
  const described = Object.keys(messages).map((name) => {
    const message = registry.getMessage(`${packageName}.${name}`)
    if (!message) throw new Error(`${packageName}.${name} was not defined`)
    return [name, message]
  })
  // Exactly the names that came in.
  return Object.fromEntries(described) as Record<Name, DescMessage>
}

function isReference(type: FieldSpec["type"]): type is `.${string}` {
  return type.startsWith(".")
}
